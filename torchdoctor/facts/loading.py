"""How a training loop gets its data: the loader that it reads, and who else gets hold of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from torchdoctor.facts.events import Event
from torchdoctor.facts.ownership import arguments
from torchdoctor.facts.values import Attr, Made, Named, OneOf, Result, Self, Sequence, Value

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

LOADER = "torch.utils.data.DataLoader"
# What reads the loader it is given, and does nothing else with it.
_PASSING = frozenset({
    "builtins.enumerate", "builtins.iter", "builtins.zip", "itertools.islice", "itertools.cycle", "builtins.list",
    "tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.trange", "tqdm.notebook.tqdm", "rich.progress.track", "builtins.len",
    "tqdm.std.tqdm", "builtins.isinstance", "builtins.print", "builtins.hasattr", "builtins.next", "builtins.getattr",
})  # fmt: skip


class Reading(NamedTuple):
    """A loop that reads a loader and trains with it: where it begins to read, the loader, and the backward in it."""

    begins: Event
    loader: Made
    backward: Event


def training_reads(flow: Flow) -> Iterator[Reading]:
    """The loops of a flow that read a DataLoader made in sight and go backward in each pass."""
    backwards = flow.of("backward")
    for begins in flow.of("iterate"):
        for loader in loaders(flow, begins.on):
            loop = begins.file.parent(begins.node)
            backward = next((e for e in backwards if loop in e.loops and e.via[: len(begins.via)] == begins.via), None)
            if backward is not None:
                yield Reading(begins, loader, backward)


def loaders(flow: Flow, iterable: Value, depth: int = 5) -> Iterator[Made]:
    """The loaders that are read when an iterable is: itself, or behind enumerate, tqdm and the like."""
    if depth == 0:
        return
    if isinstance(iterable, OneOf):
        for option in iterable.options:
            yield from loaders(flow, option, depth - 1)
    elif isinstance(iterable, Made) and iterable.name == LOADER:
        yield iterable
    elif isinstance(iterable, Result) and isinstance(iterable.function, Named) and iterable.function.name in _PASSING:
        for value in arguments(flow, iterable):
            yield from loaders(flow, value, depth - 1)


def handed_out(flow: Flow, things: tuple[Made, ...]) -> bool:
    """Whether code that is not in sight gets hold of one of these, or a framework makes it ready."""
    wanted: set[Value] = set(things)
    on_self = not any(event.value in wanted for event in flow.of("make"))
    for event in flow.of("call", "prepare"):
        callee = event.on
        if isinstance(callee, Named) and (callee.name in _PASSING or callee.name.startswith("torch.")):
            continue
        given = (*event.args, *event.keywords.values())
        if any(_holds(value, wanted) for value in given):
            return True
        # The object that holds them, where it is handed out or a method of it is not in sight.
        if on_self and (any(isinstance(value, Self) for value in given) or _is_own_method(callee)):
            return True
    return False


def _is_own_method(callee: Value) -> bool:
    return isinstance(callee, Attr) and isinstance(callee.of, Self)


def _holds(value: Value, wanted: set[Value], depth: int = 4) -> bool:
    if value in wanted:
        return True
    if depth == 0:
        return False
    inner: Iterable[Value] = ()
    if isinstance(value, Sequence):
        inner = value.items
    elif isinstance(value, OneOf):
        inner = value.options
    elif isinstance(value, Made) and value.name in ("builtins.list", "builtins.dict"):
        inner = (*value.args, *(part for _, part in value.keywords))
    return any(_holds(part, wanted, depth - 1) for part in inner)


def is_map_style(flow: Flow, dataset: Value) -> bool:
    """Whether a dataset is one that a sampler picks items of by their index."""
    if not isinstance(dataset, Made):
        return False
    facts = flow.file.classes.named(dataset.name)
    if facts is not None:
        return "iterable_dataset" not in facts.kinds and facts.method("__getitem__") is not None
    return flow.kind(dataset) == "dataset" and "Iter" not in dataset.name and "Chain" not in dataset.name
