"""Checks of how tensors lie in memory."""
