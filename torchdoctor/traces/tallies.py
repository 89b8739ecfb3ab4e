"""What is counted while a trace is read: plain sums by name, and the places of the user's that they are of."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from torchdoctor.trace_record import Place

_SHAPES = 64  # so many sizes of an operator are told apart


def sums() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class Tally:
    """Of an operator, a kernel, a module, a function, a kind of act, a sync or a kind of copy."""

    name: str
    calls: int = 0
    own: float = 0.0
    total: float = 0.0
    kernels: float = 0.0
    host: float = 0.0
    size: int = 0
    phases: defaultdict[str, float] = field(default_factory=sums)
    dtypes: defaultdict[str, float] = field(default_factory=sums)
    shapes: defaultdict[str, float] = field(default_factory=sums)
    places: defaultdict[Place, float] = field(default_factory=lambda: defaultdict(float))
    samples: Counter[Place] = field(default_factory=Counter)
    backward: Counter[Place] = field(default_factory=Counter)  # the samples in backward
    after: Counter[Place] = field(default_factory=Counter)  # the lines that were seen right after it
    operators: defaultdict[str, float] = field(default_factory=sums)

    def shape(self, shape: str, time: float) -> None:
        if shape in self.shapes or len(self.shapes) < _SHAPES:
            self.shapes[shape] += time

    @property
    def place(self) -> Place | None:
        """The line that was seen most while it ran; the function that took the most of it where no line was seen.

        Where it ran in backward too, it is the line of forward that made it so.
        """
        if seen := self.samples or self.backward:
            return seen.most_common(1)[0][0]
        known = max(self.places, key=lambda place: self.places[place]) if self.places else None
        after = self.after.most_common(1)[0][0] if self.after else None
        return after if known is None or (after is not None and after.function == known.function) else known

    @property
    def phase(self) -> str:
        return max(self.phases, key=lambda phase: self.phases[phase]) if self.phases else ""


class Tallies(dict[str, Tally]):
    def __missing__(self, name: str) -> Tally:
        self[name] = made = Tally(name)
        return made
