"""Checks of autograd: what a gradient is asked of, and where the graph ends."""
