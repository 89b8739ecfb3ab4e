"""Checks of the training step: clear, forward, backward, clip, step, and the schedule; each once and in this order."""
