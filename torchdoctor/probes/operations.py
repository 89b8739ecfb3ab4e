"""Windows in which every operation of torch is seen, with its results: for replays and guards, not for every day.

``called`` sees what Python code asks for (``torch.nn.functional.linear``, ``Tensor.item``), ``dispatched`` what that
comes down to, the backward pass included (``aten.addmm``). Each calls ``see`` after the operation; what ``see`` raises
never reaches the program: the window is then blind, and ``Window.fault`` tells why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.places import Line, asking, span
from torchdoctor.probes.plain import is_a, loaded

# The function as torch has it, its arguments, and its result.
See = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]


class Window:
    """What a window has come across: ``fault`` is what ``see`` raised, if anything."""

    def __init__(self, see: See) -> None:
        self._see = see
        self.fault: Exception | None = None

    def after(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if self.fault is None:
            try:
                self._see(function, args, kwargs, result)
            except Exception as fault:
                self.fault = fault


@contextmanager
def dispatched(see: See) -> Iterator[Window]:
    """Every operation of the dispatcher on this thread, and of the backward passes that it starts."""
    window = Window(see)
    with _dispatch_mode()(window):
        yield window


@contextmanager
def called(see: See) -> Iterator[Window]:
    """Every function and method of torch that Python code calls on this thread."""
    window = Window(see)
    with _function_mode()(window):
        yield window


@cache
def _dispatch_mode() -> Any:
    base = loaded("torch.utils._python_dispatch").TorchDispatchMode

    def __init__(self: Any, window: Window) -> None:
        base.__init__(self)
        self.window = window

    def __torch_dispatch__(self: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.window.after(func, args, kwargs or {}, result)
        return result

    return type("Dispatched", (base,), {"__init__": __init__, "__torch_dispatch__": __torch_dispatch__})


@cache
def _function_mode() -> Any:
    base = loaded("torch.overrides").TorchFunctionMode

    def __init__(self: Any, window: Window) -> None:
        base.__init__(self)
        self.window = window

    def __torch_function__(self: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.window.after(func, args, kwargs or {}, result)
        return result

    return type("Called", (base,), {"__init__": __init__, "__torch_function__": __torch_function__})


# -- what an operation is called, and what came out of it -------------------------------------------------------------


def name_of(function: Any) -> str:
    """ "aten.add", "torch.nn.functional.linear", "torch.Tensor.item"."""
    packet = getattr(function, "overloadpacket", None)
    if packet is not None:
        return str(packet)
    owner = getattr(function, "__objclass__", None)
    name = getattr(function, "__name__", "") or type(function).__name__
    if name in ("__get__", "__set__"):  # of a property: `x.data`
        return f"torch.Tensor.{getattr(getattr(function, '__self__', None), '__name__', name)}"
    if owner is not None:
        return f"torch.Tensor.{name}"
    module = getattr(function, "__module__", None) or "torch"
    return f"{'torch' if module.startswith('torch._') and 'functional' not in module else module}.{name}"


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in arguments or in a result: alone, or in lists, tuples and dicts of such."""
    torch = loaded("torch")
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, torch.Tensor):
            yield here
        elif isinstance(here, (tuple, list)):
            waiting.extend(reversed(here))
        elif is_a(here, dict):
            waiting.extend(reversed(list(dict.values(here))))


def described(value: Any) -> str:
    """ "float32 (4, 10)" of the first tensor in a result; "" where there is none."""
    first = next(tensors(value), None)
    return "" if first is None else f"{str(first.dtype).removeprefix('torch.')} {tuple(first.shape)}"


def record_of(
    function: Any,
    result: Any = None,
    lines: tuple[Line | None, Line | None] | None = None,
    *,
    module: str = "",
    layer: str = "",
    backward: bool = False,
) -> OperationRecord:
    """The record of an operation; without ``lines``, of one that is running now."""
    inner, own = asking() if lines is None else lines
    return OperationRecord(
        name_of(function),
        span(inner),
        span(own) if own != inner else None,
        module,
        layer,
        described(result),
        backward,
    )
