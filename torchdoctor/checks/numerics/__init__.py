"""Checks of what is computed: over which dimension, and whether it has one answer."""
