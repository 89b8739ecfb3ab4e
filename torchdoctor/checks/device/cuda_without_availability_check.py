"""Finds code that asks for CUDA by a literal, where no test, early exit, skip or choice stands before it."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.checks.device._choosing import choose_device
from torchdoctor.facts.device_questions import speaks_of_device
from torchdoctor.facts.file import File
from torchdoctor.facts.gpu_only import gpu_only, in_gpu_branch
from torchdoctor.facts.placement import Placement, placements

_LONGEST = 60


@on_file(words=("cuda",))
def check(file: File, _: File) -> Iterator[Found]:
    places = [
        place
        for place in placements(file)
        if not _is_only_offered(file, place)
        and file.guards.of(place.node) is None
        and not in_gpu_branch(file, place.node)
    ]
    if all(place.kind == "query" for place in places) or gpu_only(file) is not None:
        return
    lines: dict[cst.CSTNode | None, Placement] = {}
    for place in places:
        lines.setdefault(file.statement(place.node), place)
    first, *others = lines.values()
    yield Found(
        first.node,
        f"`{_shown(file, first)}` needs a GPU and nothing checks that there is one{_counted(len(others))}",
        marks=tuple((place.node, "also needs a GPU") for place in others),
        swaps=tuple(choose_device(file, places)),
    )


def _counted(others: int) -> str:
    if others == 0:
        return ""
    return f", and so do {others} more places" if others > 1 else ", and so does one more place"


def _shown(file: File, place: Placement) -> str:
    node = file.statement(place.node) if isinstance(place.node, cst.SimpleString) else place.node
    text = " ".join(file.code(node or place.node).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _is_only_offered(file: File, place: Placement) -> bool:
    """A function that is asked for by name, `to_cuda(x)` or `Model.cuda()`, and that nothing in this file calls."""
    function = file.function(place.node)
    if function is None or not speaks_of_device(name := function.name.value):
        return False
    return name == "cuda" or not any(file.guards.references(function))
