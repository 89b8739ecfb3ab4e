"""Checks of automatic mixed precision: what a gradient scaler's scale does to the steps around it."""
