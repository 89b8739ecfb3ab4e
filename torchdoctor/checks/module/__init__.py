"""Checks of how an nn.Module is written and used."""
