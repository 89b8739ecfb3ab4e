"""How many losses' graphs are alive, of all that ``backward`` was called on: counted without holding on to any.

Each node of autograd has a dictionary of its own, for anomaly mode. A small object is laid there, and known by a weak
reference only: it dies with the node, be that held by the loss itself, by a list, or by the sum that it went into.
"""

from __future__ import annotations

import weakref
from typing import Any

_KEY = "torchdoctor"
_BELOW = 4


class _Mark:
    __slots__ = ("__weakref__",)


class GraphsAlive:
    """Counts the graphs whose roots it was shown."""

    def __init__(self) -> None:
        self._alive: set[weakref.ref[_Mark]] = set()

    def __len__(self) -> int:
        return len(self._alive)

    def see(self, root: Any) -> None:
        """A tensor that backward is called on. One without a graph counts nothing."""
        node = getattr(root, "grad_fn", None)
        if node is None or _KEY in node.metadata:
            return
        mark = _Mark()
        node.metadata[_KEY] = mark
        # What a framework or a scaler has made of the loss is not what the program keeps: the loss lies one step below.
        for below, _ in node.next_functions[:_BELOW]:
            if below is not None and type(below).__name__ != "AccumulateGrad":
                below.metadata.setdefault(_KEY, mark)
        self._alive.add(weakref.ref(mark, self._alive.discard))
