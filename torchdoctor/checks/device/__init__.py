"""Checks of where tensors and models are put: CUDA that may not be there, checkpoints from another device."""
