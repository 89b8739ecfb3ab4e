"""Checks of evaluation: train and eval mode, gradients that nobody asked for."""
