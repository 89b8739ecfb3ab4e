"""How many losses' graphs are alive, of all that ``backward`` was called on: counted without holding on to any.

Each node of autograd has a dictionary of its own, for anomaly mode. One object of ours is laid into those of many: how
often it is referred to tells how many of them are left, be a graph held by the loss itself, by a list, or by the sum
that it went into. Of losses that come thick and fast one in some is marked, and counts for all of them.
"""

from __future__ import annotations

import sys
from typing import Any

_KEY = "torchdoctor"
_BELOW = 4
STRIDE = 4
_LEAF = "AccumulateGrad"


class GraphsAlive:
    """Counts the graphs whose roots it was shown."""

    def __init__(self) -> None:
        self._key = f"{_KEY} {id(self)}"
        self._marks = [_Marks()]
        self._pass = 0

    def thin(self) -> None:
        """From now on mark one loss in ``STRIDE``."""
        if len(self._marks) == 1:
            self._marks.append(_Marks())

    def count(self) -> int:
        """How many of them are alive, about."""
        found = self._marks[0].count()
        if len(self._marks) > 1 and (some := self._marks[1].count()):
            found += STRIDE * (some - 1) + 1
        return found

    def see(self, root: Any) -> None:
        """A tensor that backward was called on. One without a graph counts nothing."""
        if len(self._marks) > 1:
            self._pass = (self._pass + 1) % STRIDE
            if self._pass:
                return
        node = getattr(root, "grad_fn", None)
        if node is None:
            return
        key, marks, fresh = self._key, self._marks[-1], False
        # What a framework or a scaler has made of the loss is not what the program keeps: the loss lies one step below.
        for place, (below, _) in enumerate(node.next_functions[:_BELOW]):
            if below is not None and type(below).__name__ != _LEAF:
                marked = below.metadata
                if key not in marked:
                    marked[key] = marks.of(place)
                    fresh = True
        if not fresh and key not in node.metadata:
            node.metadata[key] = marks.of(_BELOW)


class _Marks:
    """One for each term of a loss, the last for losses of one term: whatever is kept of each step, one counts it."""

    def __init__(self) -> None:
        self._all = tuple(object() for _ in range(_BELOW + 1))
        self._laid: tuple[object, ...] = ()
        self._none = max(map(sys.getrefcount, self._all)) + 1  # one more when it is among those that are laid

    def of(self, place: int) -> object:
        mark = self._all[place]
        if mark not in self._laid:
            self._laid = (*self._laid, mark)
        return mark

    def count(self) -> int:
        """How many graphs have one of these marks."""
        return max(map(sys.getrefcount, self._laid), default=self._none) - self._none
