"""Two runs side by side, operation by operation: where do they begin to differ?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.operations import called, name_of, record_of, tensors
from torchdoctor.probes.places import Line, asking
from torchdoctor.probes.plain import loaded

_UNSET = ("empty", "new_empty", "resize")  # their results are whatever lay in memory


@dataclass
class TracedCall:
    """A call of a run: what it was, which lines asked for it, in which module, and copies of its results."""

    function: Any
    lines: tuple[Line | None, Line | None]
    module: str
    layer: str
    results: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        return name_of(self.function)

    def record(self) -> OperationRecord:
        first = self.results[0] if self.results else None
        return record_of(self.function, first, self.lines, module=self.module, layer=self.layer)


@contextmanager
def in_modules(model: Any) -> Iterator[list[tuple[str, str]]]:
    """The stack of the modules whose forward runs: each one's dotted name and class, the innermost last."""
    stack: list[tuple[str, str]] = []
    handles = []
    for name, module in model.named_modules():
        entry = (name, type(module).__name__)
        handles.append(module.register_forward_pre_hook(lambda *_, entry=entry: stack.append(entry)))
        handles.append(module.register_forward_hook(lambda *_: stack.pop() and None, always_call=True))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def traced(model: Any, run: Callable[[], Any]) -> list[TracedCall]:
    """Every call of torch in a run, with copies of the tensors that it gave."""
    calls: list[TracedCall] = []

    with in_modules(model) as stack:

        def see(function: Any, args: Any, kwargs: Any, result: Any) -> None:
            name, layer = stack[-1] if stack else ("", "")
            made = [t.detach().clone() for t in tensors(result)]
            calls.append(TracedCall(function, asking(), name, layer, made))

        with called(see):
            run()
    return calls


def writers(model: Any, watched: dict[str, Any], run: Callable[[], Any]) -> dict[str, TracedCall]:
    """Of each of these tensors the first call of a run that wrote into it; those that nothing wrote into are left out.

    A write is seen by the tensor's version, so also one that a layer does by itself.
    """
    found: dict[str, TracedCall] = {}
    versions = {name: tensor._version for name, tensor in watched.items()}
    with in_modules(model) as stack:

        def see(function: Any, args: Any, kwargs: Any, result: Any) -> None:
            for name, tensor in watched.items():
                if tensor._version != versions[name] and name not in found:
                    where, layer = stack[-1] if stack else ("", "")
                    found[name] = TracedCall(function, asking(), where, layer)

        with called(see):
            run()
    return found


def first_difference(
    one: list[TracedCall], other: list[TracedCall], differ: Callable[[Any, Any], bool]
) -> TracedCall | None:
    """The first call whose results differ, as ``differ`` says of two tensors; None where none does."""
    for here, there in zip(one, other, strict=False):
        if here.name != there.name or here.lines != there.lines:
            return there
        if here.name.rpartition(".")[2].startswith(_UNSET):
            continue
        if any(differ(a, b) for a, b in zip(here.results, there.results, strict=False)):
            return there
    return None


def difference(a: Any, b: Any) -> float:
    """The largest difference of two tensors of one shape, relative to the largest value; infinite where NaN came."""
    torch = loaded("torch")
    if a.shape != b.shape:
        return float("inf")
    if a.numel() == 0:
        return 0.0
    if not (a.is_floating_point() or a.is_complex()):
        return float((a != b).any())
    kind = torch.complex128 if a.is_complex() else torch.float64
    a, b = a.detach().to(kind), b.detach().to(kind)
    same = (a == b) | (torch.isnan(a) & torch.isnan(b))
    gap = torch.where(same, torch.zeros_like(a), a - b).abs()
    scale = a.abs().nan_to_num(0.0, 0.0, 0.0).max().clamp_min(1e-30) if not a.is_complex() else a.abs().max()
    found = float((gap.max() / scale).item())
    return found if found == found else float("inf")
