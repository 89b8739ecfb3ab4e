"""Checks of dtypes: what torch takes, and what it is given."""
