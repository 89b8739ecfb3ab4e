"""A value that backward needs was written over: torch's words, and what the graph tells of it afterwards.

Silent where it is a parameter that was changed: that is what an optimizer's step does.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.grad._writes import out_of_place

_WRITTEN = "modified by an inplace operation: [{type:w} [{sizes:s}]]"
WEIGHTS = ("T", "AsStrided")  # what a Linear makes of its weight
_VERSIONS = "is at version {found:d}; expected version {expected:d}"


@on_failure(
    f"{_WRITTEN}, which is output {{}} of {{node:w}}, {_VERSIONS}",
    f"{_WRITTEN} {_VERSIONS}",
    "one of the variables needed for gradient computation has been modified by an inplace operation",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The graph tells which node had saved it, and which names are left of it."""
    graph = next((one for one in failure.graph if one.kind == "changed"), None)
    if graph.parameter if graph is not None else _maker(said) in WEIGHTS:
        return
    names = graph.names if graph is not None else ()
    what = f"`{names[0]}`" if len(names) == 1 else "a tensor"
    keeper = f": {graph.node} had kept it for that" if graph is not None and graph.node else ""
    name = names[0] if len(names) == 1 else "y"
    yield Diagnosis(
        f"{what}{_sizes(said)}{_made(said)} was written to in place{_times(said)} before backward read it{keeper}",
        cures=(
            f"an operation that makes a new tensor: `{name} = {name} + ...` in the place of `{name} += ...`",
            f"`{name} = {name}.clone()` before it is written to",
        ),
        roots=(Root(graph, f"{what} is written to here"),) if graph is not None else (),
        by_source=out_of_place,
    )


def _sizes(said: Said) -> str:
    if "sizes" not in said:
        return ""
    return f" {shape_text(said['sizes'])}"


def _made(said: Said) -> str:
    """Which operation made it, where the text names one that people know."""
    maker = _maker(said)
    return f" (a result of {maker})" if maker and maker not in ("CopySlices", *WEIGHTS) else ""


def _maker(said: Said) -> str:
    return str(said["node"] or "").rpartition(":")[2].partition("Backward")[0]


def _times(said: Said) -> str:
    times = said["found"] - said["expected"] if "found" in said else 1
    return f" {times} times" if times > 1 else ""
