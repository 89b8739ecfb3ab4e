"""Checks of the shapes of tensors: what torch refuses for its sizes."""
