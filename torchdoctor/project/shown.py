"""How paths are shown to people."""

from __future__ import annotations

import os


def shown(path: str) -> str:
    """A path as it is shown: relative to where we are, if it lies there."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # the folder is gone: a test has made it and taken it away
        return path
    return path[len(here) :] if os.path.normcase(path).startswith(os.path.normcase(here)) else path
