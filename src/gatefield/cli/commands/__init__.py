"""The verbs. A module here defines ``command``; its file name is the verb."""
