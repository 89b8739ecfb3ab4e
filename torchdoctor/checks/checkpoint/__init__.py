"""Checks of what is saved, kept and loaded."""
