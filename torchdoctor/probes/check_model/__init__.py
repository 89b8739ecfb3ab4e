"""Trying a model out: one trial a module. A trial is given a patient, and yields records of what it found."""
