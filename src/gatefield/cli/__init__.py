"""The command line: one file a verb in `commands`, found by its file name."""
