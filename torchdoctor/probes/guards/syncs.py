"""What makes the program wait for the GPU: reading a value, copying to the host, shapes that hang on values.

On a GPU torch's own sync debug mode tells; on the CPU, where nothing waits, the calls are told that would wait on a
GPU: so a machine without one finds them too. What torch's own code reads is its own affair: a step of Adam reads
counters that stay on the CPU, whatever the device is.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from contextlib import ExitStack
from typing import Any

from torchdoctor.guard_record import SyncRecord
from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.operations import called, record_of, tensors
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.places import Line, asking, span
from torchdoctor.probes.plain import loaded
from torchdoctor.probes.source import Sources

_READING = frozenset({
    "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__complex__", "__index__", "__array__", "nonzero",
    "argwhere", "masked_select", "unique", "unique_consecutive", "is_nonzero", "equal", "allclose", "__repr__",
    "__format__", "__contains__", "bincount",
})  # fmt: skip
_HANDING_ON = ("torch/overrides.py", "torch/_tensor.py", "torch/_tensor_str.py")
_MESSAGE = "called a synchronizing CUDA operation"


class NoSync:
    def __init__(self) -> None:
        self._found: Counter[tuple[str, Line | None, Line | None]] = Counter()
        self._functions: dict[str, Any] = {}
        self._records: dict[tuple[str, Line | None, Line | None], OperationRecord] = {}
        self._stack = ExitStack()
        self._sources = Sources()
        self._device = "cpu"

    def __enter__(self) -> NoSync:
        torch = loaded("torch")
        if torch.cuda.is_available():
            self._device = "cuda"
            self._stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("always", message=_MESSAGE)
            before = warnings.showwarning

            def shown(message: Any, *rest: Any, **more: Any) -> None:
                if _MESSAGE in str(message):
                    self._count("a synchronizing operation", None, None)
                else:
                    before(message, *rest, **more)

            warnings.showwarning = shown
            mode = torch.cuda.get_sync_debug_mode()
            torch.cuda.set_sync_debug_mode("warn")
            self._stack.callback(torch.cuda.set_sync_debug_mode, mode)
        else:
            self._stack.enter_context(called(self._see))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def record(self) -> SyncRecord:
        return SyncRecord(tuple((self._records[key], n) for key, n in self._found.most_common()), self._device)

    def _see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if _waits(function, args, kwargs) and _calls_torch() != "torch":
            self._count(getattr(function, "__name__", ""), function, next(tensors([args, kwargs]), None))

    def _count(self, name: str, function: Any, operand: Any) -> None:
        lines = asking()
        if self._asserted(lines[1]):
            return
        key = name, *lines
        self._found[key] += 1
        if key not in self._records:
            self._records[key] = (
                record_of(function, operand, lines)
                if function is not None
                else OperationRecord(name, span(lines[0]), span(lines[1]) if lines[1] != lines[0] else None)
            )

    def _asserted(self, line: Line | None) -> bool:
        """Whether an assertion looks at the value: that is the test's own doing, and ends with it."""
        if line is None:
            return False
        self._sources.know(line[0], {})
        return any(isinstance(node, ast.Assert) for node in self._sources.around(*line)[-1:])


def _waits(function: Any, args: Any, kwargs: Any) -> bool:
    name = getattr(function, "__name__", "")
    if name in _READING:
        return True
    if name in ("cpu", "to"):
        return name == "cpu" or any(str(one) == "cpu" for one in (*args[1:], *kwargs.values()) if _is_device(one))
    if name in ("__getitem__", "index_put_", "__setitem__", "masked_fill"):
        torch = loaded("torch")
        return name != "masked_fill" and any(t.dtype is torch.bool for t in tensors(list(args[1:2])))
    if name == "where":
        return len(args) == 1
    return name == "repeat_interleave" and any(True for _ in tensors(args[1:2]))


def _is_device(value: Any) -> bool:
    return isinstance(value, (str, loaded("torch").device))


def _calls_torch() -> str:
    """The package of the code that makes the call; what only hands it on is passed over."""
    import sys

    frame = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename.replace("\\", "/")
        package = package_of(frame.f_code.co_filename)
        if package != "torchdoctor" and not path.endswith(_HANDING_ON):
            return package
        frame = frame.f_back  # type: ignore[assignment]
    return ""
