"""What is known at one point of a run, and how two ways to the same point join."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import TypeVar

from torchdoctor.facts.events import GradMode, Mode
from torchdoctor.facts.joins import exact, join
from torchdoctor.facts.values import UNKNOWN, Made, Tensor, Value

Key = tuple[Value, object]
Modes = dict[Value, frozenset[Mode]]
ANY = "any"  # asked for of an object: whether anything of it is known
K = TypeVar("K")
V = TypeVar("V")
_UNSET: frozenset[Mode] = frozenset((Mode(None),))
_RECORDING = GradMode()


class Heap:
    """Attributes and items of objects, by (object, name or key); ``asked``: those that a run wanted to know.

    A copy shares what is known with the heap that it was made from, until one of them learns something: most branches
    write nothing, and whether they did is told by that.
    """

    def __init__(self, known: Heap | None = None, asked: set[Key] | None = None) -> None:
        self.asked: set[Key] = set() if asked is None else asked
        self._known: dict[Key, Value] = {} if known is None else known._known
        self._exact: frozenset[tuple[Key, object]] | None = None if known is None else known._exact
        self._is_shared = known is not None
        if known is not None:
            known._is_shared = True

    def ask(self, of: Value, name: object) -> Value | None:
        """What is known, for a run that goes on as the answer has it; None where nothing is."""
        key = (of, name)
        self.asked.add(key)
        return self._known.get(key)

    def has(self, of: Value, name: object) -> bool:
        return self.ask(of, name) is not None

    def has_any(self, of: Value) -> bool:
        """Whether anything is known of what an object holds."""
        self.asked.add((of, ANY))
        return any(one == of for one, _ in self._known)

    def was_asked(self, key: Key) -> bool:
        return key in self.asked or (key[0], ANY) in self.asked

    def look(self, of: Value, name: object) -> Value | None:
        """The same as ``ask``, by somebody else than the run."""
        return self._known.get((of, name))

    def put(self, of: Value, name: object, value: Value) -> None:
        self._mine()[of, name] = value

    def drop(self, of: Value, name: object) -> None:
        if (of, name) in self._known:
            del self._mine()[of, name]

    def items(self) -> list[tuple[Key, Value]]:
        return list(self._known.items())

    def replace(self, value: Value, new: Value) -> None:
        """Put another value wherever this very one is held."""
        for (of, name), held in self.items():
            if held is value:
                self.put(of, name, new)

    def exact(self) -> frozenset[tuple[Key, object]]:
        """All that is known, to tell heaps apart by."""
        if self._exact is None:
            self._exact = frozenset([(key, exact(value)) for key, value in self._known.items()])
        return self._exact

    def copy(self) -> Heap:
        return Heap(self, self.asked)

    def joined(self, other: Heap) -> Heap:
        """What is known where two ways meet."""
        if _unchanged(self._known, other._known):
            return self.copy()
        a, b = self._known, other._known
        known = {key: value if value is b[key] else join(value, b[key]) for key, value in a.items() if key in b}
        for key in a.keys() ^ b.keys():
            # What was put into a list on one way only is what it holds, if anything; an attribute may be another thing.
            known[key] = (a.get(key) or b[key]) if key[1] == "[]" else UNKNOWN
        heap = Heap(None, self.asked)
        heap._known = known
        return heap

    def changed(self, other: Heap) -> Iterator[Key]:
        """The keys of which the two know different things."""
        return iter(()) if self._known is other._known else _changed(self._known, other._known)

    def _mine(self) -> dict[Key, Value]:
        """What is known, to be written to."""
        if self._is_shared:
            self._known = dict(self._known)
            self._is_shared = False
        self._exact = None
        return self._known


class State:
    """``names``: local variables. ``heap``: what objects hold.

    ``modes``: the modes each module may be in. ``dead``: no way leads here.
    """

    def __init__(
        self,
        names: dict[str, Value] | None = None,
        heap: Heap | None = None,
        modes: Modes | None = None,
        grad: GradMode = _RECORDING,
        dead: bool = False,
    ) -> None:
        self.names: dict[str, Value] = {} if names is None else names
        self.heap = Heap() if heap is None else heap
        self.modes: Modes = {} if modes is None else modes
        self.grad = grad
        self.dead = dead

    def copy(self) -> State:
        return State(dict(self.names), self.heap.copy(), dict(self.modes), self.grad, self.dead)

    def become(self, other: State) -> None:
        """Take over everything that another state knows."""
        self.names, self.heap, self.modes = other.names, other.heap, other.modes
        self.grad, self.dead = other.grad, other.dead

    def same(self, other: State, read: Container[str], asked: Callable[[Key], bool]) -> bool:
        """Whether nothing more would be learnt by going on from the other state, for a pass that reads these names
        and asks for these attributes and items of what it is given."""
        return (
            self.dead == other.dead
            and self.grad == other.grad
            and self.modes == other.modes
            and not any(name in read for name in _changed(self.names, other.names))
            and not any(map(asked, self.heap.changed(other.heap)))
        )


def joined(a: State, b: State) -> State:
    """What is known where two ways meet. A name that only one way gives a value may be unset: it keeps that value."""
    if a.dead:
        return b.copy()
    if b.dead:
        return a.copy()
    grad = a.grad if a.grad == b.grad else GradMode(None, a.grad.because or b.grad.because)
    return State(_join_names(a.names, b.names), a.heap.joined(b.heap), _join_modes(a.modes, b.modes), grad)


def _join_names(a: dict[str, Value], b: dict[str, Value]) -> dict[str, Value]:
    names = dict(a)
    for name, value in b.items():
        if name not in names:
            names[name] = value
        elif names[name] is not value:
            names[name] = join(names[name], value)
    return names


def _join_modes(a: Modes, b: Modes) -> Modes:
    if _unchanged(a, b):
        return dict(a)
    return {module: a.get(module, _UNSET) | b.get(module, _UNSET) for module in a.keys() | b.keys()}


def _unchanged(a: dict[K, V], b: dict[K, V]) -> bool:
    """Whether both are still what they were before the branch: told without a look-up, since hashing values is dear."""
    return a is b or (
        len(a) == len(b)
        and all(x is y for x, y in zip(a.values(), b.values(), strict=True))
        and all(x is y for x, y in zip(a, b, strict=True))
    )


def _changed(a: Mapping[K, Value], b: Mapping[K, Value]) -> Iterator[K]:
    yield from a.keys() ^ b.keys()
    yield from (key for key, value in a.items() if key in b and value is not b[key] and not _equal(value, b[key]))


def _equal(a: Value, b: Value) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return (
            a == b
            and a.shape == b.shape
            and a.layout == b.layout
            and a.contiguous == b.contiguous
            and a.grad == b.grad
            and a.scale == b.scale
            and a.models == b.models
        )
    return exact(a) == exact(b) if isinstance(a, Made) else a == b
