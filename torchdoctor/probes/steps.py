"""Where a step of training ends, found without a change in the user's code.

The first optimizer that steps tells it; where none does, the batches of the innermost loader. A call of the user's own
goes before both. Nothing is wrapped: no frame of ours stands in a traceback, and nothing is on the model's way. A watch
times what lies within a step as well, and listens by ``watched_calls``; a profiler knows that without us.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

Tick = Callable[[str], None]
RANKS = ("loader", "optimizer", "user")
_COUNT = "_num_yielded"


class Steps:
    """Calls ``tick`` with where the step was seen: "loader", "optimizer" or "user"."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._optimizer: int | None = None
        self._handle: Any = None
        self._loaders: type | None = None

    def watch(self) -> None:
        """Look out for steps. Loads torch."""
        optimizers = import_module("torch.optim.optimizer")
        register = getattr(optimizers, "register_optimizer_step_post_hook", None)
        if register is not None:
            self._handle = register(self._stepped)
        self._watch_batches(import_module("torch.utils.data.dataloader")._BaseDataLoaderIter)

    def leave(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        if self._loaders is not None:
            if isinstance(self._loaders.__dict__.get(_COUNT), property):
                delattr(self._loaders, _COUNT)
            self._loaders = None

    def _stepped(self, optimizer: Any, *_: Any) -> None:
        if self._optimizer is None:
            self._optimizer = id(optimizer)
        if self._optimizer == id(optimizer):
            self._tick("optimizer")

    def _watch_batches(self, loaders: type) -> None:
        """A loader's iterator counts what it has given out: the count is made to tell us when it moves."""
        if _COUNT in loaders.__dict__:
            return
        tick = self._tick

        def moved(iterator: Any, count: int) -> None:
            iterator.__dict__[_COUNT] = count
            if count > 0 and sys.modules.get("torch") is not None:
                tick("loader")

        setattr(loaders, _COUNT, property(lambda iterator: iterator.__dict__.get(_COUNT, 0), moved))
        self._loaders = loaders
