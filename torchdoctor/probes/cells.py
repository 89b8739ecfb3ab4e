"""The cells of a notebook: each is a file of its own, which only linecache knows, and a name may be of another one."""

from __future__ import annotations

import linecache
import os
import re


def is_cell(path: str) -> bool:
    """Whether IPython has named a file so, in a notebook or at its prompt."""
    return path.startswith("<ipython-input-") or "ipykernel_" in os.path.basename(os.path.dirname(path))


def cell_that_assigns(name: str, path: str) -> str:
    """The cell that has assigned a name last, for one that is read in the cell ``path``; else ``path`` itself."""
    if not is_cell(path) or not name.isidentifier():
        return path
    assigned = re.compile(rf"^{name}\b[^=\n(]*=(?!=)", re.MULTILINE)
    found = path
    for other, entry in list(linecache.cache.items()):
        # (size, time, lines, name); those that are read lazily are no cells.
        if is_cell(other) and len(entry) == 4 and assigned.search("".join(entry[2])):
            found = other
    return found
