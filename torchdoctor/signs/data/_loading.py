"""Loading as a step sees it: how long it waits for its batch, and how many workers would have it ready in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.trace_record import TraceRecord

BEGUN = "each step begins the loader anew, draws the order of all samples, and takes one batch"
KEEP_ITERATOR = (
    "keep the iterator: `batches = iter(loader)` before the loop, and `next(batches)` in it",
    "loop over the loader itself: `for batch in loader`",
)
_MOST = 16  # workers, where cores do not limit them
_CHEAPER = "make loading cheaper: decode, resize and tokenize once and store the result, or read larger pieces"


@dataclass(frozen=True, slots=True)
class Loading:
    """Seconds in a step: its ``wait`` for the batch, and the ``rest`` of it.

    ``workers`` is None where it is not known how many load, ``cores`` is 0 where those are not. ``asleep`` is loading
    that waits itself, for a disk or a network: workers that wait need no core of their own.
    """

    wait: float
    rest: float
    workers: int | None
    cores: int = 0
    asleep: bool = False

    def message(self) -> str:
        step = self.wait + self.rest
        return (
            f"the step waits {time_text(self.wait)} for its batch, {percent(self.wait, step)} of its {time_text(step)}"
        )

    def read_by(self) -> Iterator[str]:
        """The evidence of who loads."""
        if self.workers == 0:
            yield "the loader has no workers: it loads while nothing else runs"
        elif self.workers:
            yield f"the loader has {self.workers} {'worker' if self.workers == 1 else 'workers'}"

    def cures(self) -> Iterator[str]:
        if self.workers is None:
            yield "give the DataLoader more `num_workers`, or make loading cheaper"
            return
        rest, most = max(self.rest, 1e-6), self._most
        if self.workers == 0:
            # A batch takes as long as the wait; so many workers make one while the rest of a step runs.
            needed = max(ceil(self.wait / rest) + 1, 2)
            yield from self._first_workers(min(needed, most), needed)
        else:
            needed = ceil(self.workers * (self.wait + rest) / rest)
            if self.workers < most:
                enough = "" if needed <= most else f", {self._bound}"
                yield f"raise `num_workers` from {self.workers} to {min(needed, most)}{enough}"
        yield _CHEAPER if needed <= most else f"{_CHEAPER}; it would take {needed} workers to hide it"

    def _first_workers(self, given: int, needed: int) -> Iterator[str]:
        each = f"a batch takes {time_text(self.wait)} to load, the rest of the step {time_text(self.rest)}"
        hidden = "so that they hide it" if given == needed else self._bound
        if given:
            yield f"give the DataLoader `num_workers={given}, persistent_workers=True`, {hidden}: {each}"

    @property
    def _bound(self) -> str:
        return "to begin with" if self.asleep or not self.cores else "as many as there are cores to spare"

    @property
    def _most(self) -> int:
        """How many can work at once beside training: on two cores still two, on one none."""
        if self.asleep or not self.cores:
            return _MOST
        return max(self.cores - 1, 2) if self.cores > 1 else 0


def begun_each_step(record: TraceRecord) -> bool:
    """Whether each step begins a loader, for one batch: `next(iter(loader))`. A validation in each step is another."""
    begun, inferred = record.act("workers"), record.act("inference")
    validated = inferred is not None and record.a_step(inferred.calls) >= 1.5
    return begun is not None and record.a_step(begun.calls) >= 0.75 and record.count >= 3 and not validated
