"""Checks of data loading."""
