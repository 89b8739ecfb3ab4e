"""Guards: each watches a block of code for one thing, and has a record of it when the block has ended.

A guard is a context manager. It changes nothing of what the block computes, and lets its exceptions pass.
"""
