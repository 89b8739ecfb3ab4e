"""What a block leaves behind: tensors that it made and that are alive, hooks, settings of torch."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from torchdoctor.finding import Span
from torchdoctor.guard_record import LeftRecord
from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.operations import called, record_of, tensors
from torchdoctor.probes.places import Line, asking, span
from torchdoctor.probes.plain import class_name, instance_dict, is_a, loaded

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks", "_global_backward_pre_hooks")
_DEEPEST = 4


class Leaving:
    """Watches what is made between enter and exit; what is left of it is told by ``record``, later.

    ``only_graphs`` tells of tensors with a graph alone, and not of those that ``frame`` names: at the end of a block
    that stands in a function what the function still needs is no leak.
    """

    def __init__(self, *, only_graphs: bool = False, frame: types.FrameType | None = None) -> None:
        self._only_graphs, self._frame = only_graphs, frame
        self._made: dict[int, tuple[Any, tuple[Any, tuple[Line | None, Line | None]]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Leaving:
        self._hooks_before = Hooks()
        self._settings_before = _settings()
        self._stack.enter_context(called(self._see))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def record(self) -> LeftRecord:
        gc.collect()
        names = set(map(id, _named(self._frame)))
        alive = [(t, made) for ref, made in self._made.values() if (t := ref()) is not None and id(t) not in names]
        if self._only_graphs:
            alive = [(t, made) for t, made in alive if t.grad_fn is not None]
        records = Counter(_record(function, t, lines) for t, (function, lines) in alive)
        storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t, _ in alive if _plain(t)}
        kept = [t for t, _ in alive]
        graphs = sum(t.grad_fn is not None for t in kept)
        count = len(kept)
        del alive
        holders = tuple(dict.fromkeys(name for t in kept[:20] if (name := _holder(t, kept))))[:4]
        before, after = self._settings_before, _settings()
        return LeftRecord(
            count,
            sum(storages.values()),
            graphs,
            tuple(record for record, _ in records.most_common(3)),
            holders,
            tuple(self._hooks_before.new())[:4],
            tuple(f"{name} was {before[name]} and is {after[name]}" for name in before if before[name] != after[name]),
        )

    def _see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if getattr(function, "__name__", "") in ("__get__", "detach_", "requires_grad_"):
            return  # what these give was made before
        for tensor in tensors(result):
            if id(tensor) not in self._made:
                self._made[id(tensor)] = self._watched(tensor), (function, asking())

    def _watched(self, tensor: Any) -> weakref.ref[Any]:
        made, key = self._made, id(tensor)

        def gone(_: Any) -> None:
            made.pop(key, None)

        return weakref.ref(tensor, gone)


def _record(function: Any, tensor: Any, lines: tuple[Line | None, Line | None]) -> OperationRecord:
    return record_of(function, tensor, lines)


def _plain(tensor: Any) -> bool:
    try:
        tensor.untyped_storage()
    except Exception:
        return False
    return True


def _named(frame: types.FrameType | None) -> Iterator[Any]:
    """The tensors that a frame's names stand for, and those in its tuples."""
    for value in list(frame.f_locals.values()) if frame is not None else ():
        yield value
        if type(value) is tuple:
            yield from value


# -- who holds a tensor ------------------------------------------------------------------------------------------------


def _holder(tensor: Any, ours: list[Any]) -> str:
    """The name under which a tensor is held: of a module's global, or of an object's attribute; "" if none is found."""
    waiting: list[tuple[Any, int]] = [(tensor, 0)]
    met = {id(tensor), id(ours), id(waiting)}
    while waiting:
        value, depth = waiting.pop(0)
        for above in gc.get_referrers(value):
            if id(above) in met or isinstance(above, types.FrameType):
                continue
            met.add(id(above))
            if type(above) is dict and (name := _name_in(above, value)):
                return name
            if type(above) in (dict, list, tuple, set) or type(above).__name__ in ("deque", "OrderedDict", "Tensor"):
                if depth < _DEEPEST and len(waiting) < 200:
                    waiting.append((above, depth + 1))
            elif (own := instance_dict(above)) and (key := _key_of(own, value)):
                return f"{class_name(type(above))}.{key}"
    return ""


def _name_in(names: dict[Any, Any], value: Any) -> str:
    """The name of a value in the globals of a module, or in an object's own dictionary."""
    key = _key_of(names, value)
    module = sys.modules.get(names.get("__name__", "")) if type(names.get("__name__")) is str else None
    if key and module is not None and vars(module) is names:
        return f"{module.__name__}.{key}"
    if key:
        owner = next((one for one in gc.get_referrers(names) if instance_dict(one) is names), None)
        return f"{class_name(type(owner))}.{key}" if owner is not None else ""
    return ""


def _key_of(names: dict[Any, Any], value: Any) -> str:
    return next((key for key, one in names.items() if one is value and type(key) is str), "")


# -- hooks and settings ------------------------------------------------------------------------------------------------


class Hooks:
    """All hooks of the modules that are alive, of their parameters, and of all modules at once."""

    def __init__(self) -> None:
        torch = loaded("torch")
        self.modules: weakref.WeakSet[Any] = weakref.WeakSet()
        self.modules.update(one for one in gc.get_objects() if is_a(one, torch.nn.Module))
        self.found = {(id(owner), id(hook)) for owner, _, hook in self._all()}

    def new(self) -> Iterator[tuple[str, Span | None]]:
        """What they are hooked to now and were not then, and where each hook's function stands."""
        for owner, words, hook in self._all():
            if (id(owner), id(hook)) not in self.found:
                code = getattr(hook, "__code__", None)
                yield words, span((code.co_filename, code.co_firstlineno)) if code is not None else None

    def _all(self) -> Iterator[tuple[Any, str, Any]]:
        everywhere = loaded("torch").nn.modules.module
        for kind in _GLOBAL:
            yield from ((everywhere, "all modules", hook) for hook in dict(getattr(everywhere, kind, {})).values())
        for module in list(self.modules):
            name = class_name(type(module))
            for kind in _HOOKS:
                for hook in list((instance_dict(module).get(kind) or {}).values()):
                    yield module, f"a `{name}`", hook
            for parameter in list((instance_dict(module).get("_parameters") or {}).values()):
                for hook in list((getattr(parameter, "_backward_hooks", None) or {}).values()):
                    yield parameter, f"a parameter of a `{name}`", hook


def _settings() -> dict[str, str]:
    torch = loaded("torch")
    return {
        "`torch.is_grad_enabled()`": str(torch.is_grad_enabled()),
        "`torch.get_default_dtype()`": str(torch.get_default_dtype()),
        "`torch.are_deterministic_algorithms_enabled()`": str(torch.are_deterministic_algorithms_enabled()),
        "`torch.is_anomaly_enabled()`": str(torch.is_anomaly_enabled()),
        "`torch.is_autocast_enabled('cpu')`": str(torch.is_autocast_enabled("cpu")),
        "`torch.get_default_device()`": str(torch.get_default_device()),
    }
