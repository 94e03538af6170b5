"""Series and sequences that are computed, not read: chaotic systems and the tasks that test a memory.

Every function is pure: the same arguments and the same seed give the same tensors.
"""
