"""When a window of the profiler opens and closes, in steps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Schedule:
    """In steps: ``wait`` passes unseen, ``warmup`` runs under the profiler and is thrown away, ``active`` is recorded.

    ``repeat`` times over. Where no step is seen, the first ``seconds`` of the run are one window.
    """

    wait: int = 5
    warmup: int = 2
    active: int = 5
    repeat: int = 1
    seconds: float = 60.0

    def of_torch(self, module: Any) -> Any:
        """The window itself in the terms of ``torch.profiler``, which is begun when the wait is over."""
        with warnings.catch_warnings():  # whether there is a warm-up is the user's own choice
            warnings.simplefilter("ignore")
            return module.schedule(wait=0, warmup=self.warmup, active=self.active, repeat=1)
