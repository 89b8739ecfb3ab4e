"""What the names of a function hold at one point: which tensor, and what was written into it behind their back."""

from __future__ import annotations

from dataclasses import dataclass, field

Tensor = tuple[int, frozenset[int]]  # which tensor, and the writes into it that were made through other names
Held = frozenset[Tensor]  # by which way was taken
NOTHING: Held = frozenset()


@dataclass(slots=True)
class Holdings:
    """The tensors that each name may hold, and those that have been written into on every way to here."""

    names: dict[str, Held] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)  # on every way to here, and by which write

    def copy(self) -> Holdings:
        return Holdings(dict(self.names), dict(self.written))

    def join(self, other: Holdings) -> None:
        for name, held in other.names.items():
            self.names[name] = self.names.get(name, NOTHING) | held
        self.written = {tensor: write for tensor, write in self.written.items() if tensor in other.written}

    def overwrite(self, tensors: set[int], write: int) -> None:
        for name, held in self.names.items():
            self.names[name] = frozenset((t, missed | {write}) if t in tensors else (t, missed) for t, missed in held)
        self.written.update(dict.fromkeys(tensors, write))
