"""Checks of training in several processes: who reads which data, and who meets whom."""
