"""The first operation that makes NaN (or infinity) of finite values, in the forward or in the backward pass."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.operations import Window, dispatched, name_of, record_of, tensors
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.places import MACHINERY, Line
from torchdoctor.probes.plain import loaded

# What these give is whatever lay in memory, or is meant: a mask is filled with infinity on purpose.
_UNSET = re.compile(r"aten\.(empty|new_empty|resize|set_|detach|alias|view|_to_copy|clone|copy_)")
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+), in ')


class FirstNonFinite:
    """Looks at every floating result until one is found: ``operation`` and ``value`` ("NaN" or "infinity").

    ``given`` is True where an operand held it before: it came in with the data, and ``operation`` is the first that
    read it; ``infinite`` where one held infinity. Infinity counts only where it is asked for: masks hold it on purpose.
    """

    def __init__(self, *, infinity: bool = False) -> None:
        self.infinity = infinity
        self.operation: OperationRecord | None = None
        self.value = ""
        self.given = self.infinite = False
        self.when_found: Callable[[], None] | None = None

    def see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if self.operation is not None or _UNSET.match(name_of(function)):
            return
        for tensor in tensors(result):
            if found := _bad(tensor, self.infinity):
                self.value = found
                operands = [_bad(t, True) for t in tensors([args, kwargs]) if t is not tensor]
                self.given = "NaN" in operands or (self.infinity and "infinity" in operands)
                self.infinite = "infinity" in operands
                self.operation = _record(function, result)
                if self.when_found is not None:
                    self.when_found()
                return

    @contextmanager
    def watching(self) -> Iterator[Window]:
        """The window; anomaly mode is on in it, without its own checks: it tells which line a gradient is of."""
        torch = loaded("torch")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Anomaly Detection has been enabled")
            anomaly = torch.autograd.set_detect_anomaly(True, check_nan=False)
        with anomaly, dispatched(self.see) as window:
            yield window


def _bad(tensor: Any, infinity: bool) -> str:
    torch = loaded("torch")
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.device.type == "meta" or not tensor.numel():
        return ""
    if tensor.layout is not torch.strided:
        return ""
    with torch.no_grad(), torch.utils._python_dispatch._disable_current_modes():
        tensor = tensor.detach()
        # One pass over the values; only where it tells of something, a second one says what.
        if bool(torch.isfinite(tensor.sum(dtype=torch.float64 if not tensor.is_complex() else None))):
            return ""
        if bool(torch.isnan(tensor).any()):
            return "NaN"
        return "infinity" if infinity and bool(torch.isinf(tensor).any()) else ""


def _record(function: Any, result: Any) -> OperationRecord:
    node = loaded("torch")._C._current_autograd_node()
    if node is None:
        return record_of(function, result)
    lines = _forward_line(node)
    return record_of(function, result, lines if lines[0] is not None else None, backward=True)


def _forward_line(node: Any) -> tuple[Line | None, Line | None]:
    """The lines of the forward pass that a node of the backward pass is of: anomaly mode keeps them as text."""
    inner: Line | None = None
    for row in reversed("".join(node.metadata.get("traceback_", ())).splitlines()):
        if found := _FRAME.match(row):
            package = package_of(found[1])
            if package in MACHINERY:
                continue
            line = found[1], int(found[2])
            inner = inner or line
            if not package:
                return inner, line
    return inner, None
