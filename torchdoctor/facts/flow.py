"""What happened in a function when it ran in one context."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import Event, exclusive
from torchdoctor.facts.kind import kind_of
from torchdoctor.facts.remembered import Remembering
from torchdoctor.facts.values import UNKNOWN, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.run import Run
    from torchdoctor.facts.training import Training


class Flow(Remembering):
    """One finished run: the values it saw and the events in order. See events.Event.

    ``callers`` are the calls that led to it, with their files; ``snapshots`` what was known just before each statement
    that was watched.
    """

    def __init__(self, run: Run, known_callers: bool) -> None:
        self.file = run.file
        self.node = run.node
        self.values = run.values
        self.events: list[Event] = run.events
        self.refused = run.refused
        self.returned = run.returned
        self.end = run.state
        self.asked = run.asked
        self.known_callers = known_callers
        self.callers: dict[cst.CSTNode, File] = {}
        self.snapshots = run.snapshots
        self._flows = run.flows
        for index, event in enumerate(self.events):
            event.index = index

    @property
    def function(self) -> cst.FunctionDef | None:
        return self.node if isinstance(self.node, cst.FunctionDef) else None

    def value(self, node: cst.CSTNode) -> Value:
        """The value of an expression of this flow's own body; UNKNOWN where it was not reached."""
        return self.values.get(node, UNKNOWN)

    def kind(self, value: Value) -> str | None:
        """What sort of thing a value is: module, criterion, optimizer, scheduler, scaler, loader, dataset, sampler,
        trainer, tensor ...; None where that is not known."""
        return kind_of(value, self._flows)

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    @cached_property
    def loops(self) -> list[cst.CSTNode]:
        """The loops that hold any event, outermost first, each once."""
        return list(dict.fromkeys(loop for event in self.events for loop in event.loops))

    def inside(self, loop: cst.CSTNode) -> list[Event]:
        """The events within one loop, in the order of one pass."""
        return [event for event in self.events if loop in event.loops]

    @cached_property
    def elsewhere(self) -> list[Flow] | None:
        """The flows of this function as other files of the project call it; None where these are too many to follow.

        Looking through the project takes time: ask only when something would be said otherwise.
        """
        function = self.function
        return self._flows.from_elsewhere(function) if function is not None else []

    @cached_property
    def training(self) -> Training:
        """Its optimizers, and what becomes of their gradients from step to step."""
        from torchdoctor.facts.training import Training

        return Training(self)

    @staticmethod
    def exclusive(a: Event, b: Event) -> bool:
        """Whether one pass sees only one of the two."""
        return exclusive(a, b)
