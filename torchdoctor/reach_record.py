"""What lay within reach of a failure: optimizers and loaders, files, and what the autograd graph tells of it.

They are parts of a failure's record: import them from ``torchdoctor.record``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """An optimizer, scheduler, GradScaler, DataLoader, dataset or process group within the frames' reach.

    ``kind`` is optimizer, scheduler, scaler, loader or dataset; ``facts`` are plain values (lr, batch_size, length).
    """

    name: str
    kind: str
    type: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that the failing code names: whether it is there, its size in bytes, its first bytes as latin-1 text."""

    path: str
    exists: bool
    size: int | None = None
    head: str = ""
    folder_exists: bool = True


@dataclass(frozen=True, slots=True)
class GraphRecord:
    """What a post mortem of the autograd graph found.

    ``kind`` is changed (a saved tensor was written to in place) or freed (its saved tensors are gone). Changed:
    ``node`` had saved it ("ExpBackward0") in its slot ``saved`` ("result"), ``maker`` had made it ("Exp"), ``writers``
    may have written ("Add"), ``names`` are the user's for it, ``parameter`` whether they are parameters (``optimizers``
    hold them), ``expected`` and ``found`` its versions. Freed: ``names`` were carried over, ``roots`` are what backward
    was called on, ``shared`` what these and ``spent``, whose backward was before, have in common. ``paths``: the files.
    """

    kind: str
    node: str = ""
    saved: str = ""
    names: tuple[str, ...] = ()
    expected: int | None = None
    found: int | None = None
    maker: str = ""
    writers: tuple[str, ...] = ()
    parameter: bool = False
    optimizers: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    spent: str = ""
    paths: tuple[str, ...] = ()
