"""Where the bytes of a device are, for people: a row and a bar for each part, and below them the largest of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchdoctor import catalogue
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Finding
from torchdoctor.memory_record import HeldRecord, MemoryRecord, PartRecord, SavedRecord
from torchdoctor.memory_text import memory_of
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure, shape_text

_BAR = 40
_LEAST_BAR = 10
_SHARE = 0.005  # of the device: smaller parts are told together
_MODULES, _TENSORS, _LINES = 4, 4, 5
_STYLES = {"free": "cure", "cached, unused": "dim", "other processes": "warning", "not PyTorch's": "warning"}


def rows(failure: Failure, found: Finding, paint: Paint) -> Iterator[str]:
    """The account of the device that a failure is about; nothing where the finding is of something else."""
    rule = catalogue.rule(found.rule)
    memory = memory_of(failure) if rule.topic == "memory" else None
    if memory is None or memory.device == "cpu":
        return
    parts = memory.account
    whole = memory.total or sum(part.bytes for part in parts)
    if len(parts) < 2 or not whole:
        return
    yield paint("frame", f"{visible(_title(memory, whole))}")
    yield from _bars(_told(parts, whole), whole, paint)
    for title, table in (
        ("saved for the backward pass, by module", [_module(one) for one in _together(memory.saved)[:_MODULES]]),
        ("largest that names hold", [_tensor(one) for one in memory.held[:_TENSORS]]),
        (
            "allocated at",
            [(size_text(one.bytes), f"{one.path}:{one.line} in {one.function}") for one in memory.lines[:_LINES]],
        ),
    ):
        yield from _table(title, table, paint)
    if memory.missing:
        yield paint("dim", f"not known: {visible(', '.join(memory.missing))}")
    yield ""


def _title(memory: MemoryRecord, whole: int) -> str:
    name = f" ({memory.name})" if memory.name else ""
    return f"where the {size_text(whole)} of {memory.device or 'the GPU'}{name} are:"


def _told(parts: Sequence[PartRecord], whole: int) -> list[PartRecord]:
    """The parts that are worth a row, and the rest in one."""
    large = [part for part in parts if part.bytes >= whole * _SHARE or part.kind == "free"]
    rest = sum(part.bytes for part in parts if part not in large)
    return [*large, *([PartRecord("the rest", rest)] if rest else [])]


def _bars(parts: Sequence[PartRecord], whole: int, paint: Paint) -> Iterator[str]:
    sizes = [size_text(part.bytes) for part in parts]
    names, width = max(len(part.kind) for part in parts), max(map(len, sizes))
    room = min(paint.width - names - width - 12, _BAR)
    for part, size in zip(parts, sizes, strict=True):
        share = part.bytes / whole
        bar = "#" * round(share * room) if room >= _LEAST_BAR else ""
        row = f"  {part.kind:<{names}}  {size:>{width}}  {share:>4.0%}  "
        yield (row + paint(_STYLES.get(part.kind, "plain"), bar)).rstrip()


def _table(title: str, table: Sequence[tuple[str, str]], paint: Paint) -> Iterator[str]:
    if table:
        width = max(len(size) for size, _ in table)
        yield paint("dim", f"{title}:")
        for size, text in table:
            shown = visible(text)
            room = paint.width - width - 4
            yield f"  {size:>{width}}  {shown if cells(shown) <= room else shown[: max(room - 3, 0)] + '...'}"


def _together(saved: Sequence[SavedRecord]) -> list[tuple[int, str]]:
    """Alike blocks of one list in one row: "`net.blocks`, 4 of 6 Block"."""
    found: dict[tuple[str, str, int], list[SavedRecord]] = {}
    for one in saved:
        name = one.module.rpartition(".")[0] if one.repeated > 1 else one.module
        found.setdefault((name, one.type, one.repeated), []).append(one)
    told = []
    for (name, kind, repeated), alike in found.items():
        size = sum(one.bytes for one in alike)
        of = f"{len(alike)} of {repeated} {kind} in {name or 'the model'}" if repeated > 1 else f"{name or 'no module'}"
        told.append((size, of if repeated > 1 or not kind else f"{of} ({kind})"))
    return sorted(told, reverse=True)


def _module(one: tuple[int, str]) -> tuple[str, str]:
    return size_text(one[0]), one[1]


def _tensor(one: HeldRecord) -> tuple[str, str]:
    shape = f"{shape_text(one.shape)} {one.dtype}" if one.shape is not None else one.dtype
    several = f", {one.count} tensors, the last {shape}" if one.count > 1 else f"  {shape}"
    graph = f", of it {size_text(one.graph)} in graphs" if one.graph else ""
    return size_text(one.bytes + one.graph), f"{one.name}{several}{graph}"
