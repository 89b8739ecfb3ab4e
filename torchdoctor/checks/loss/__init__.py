"""Checks of losses: what goes into them, and how they are made."""
