"""What a frame was called with: it tells the values of arguments that were written out in the call itself."""

from __future__ import annotations

import dis
import types
from dataclasses import dataclass, field
from typing import Any

from torchdoctor.probes.lookup import Method
from torchdoctor.probes.module import is_module
from torchdoctor.probes.plain import MISSING, is_a, locals_of, static

_STORES = ("STORE_FAST", "DELETE_FAST", "STORE_DEREF", "DELETE_DEREF")
_VARARGS, _VARKEYWORDS = 0x04, 0x08


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments that a frame was called with: by position (the receiver left out), and by name."""

    positions: tuple[Any, ...] = ()
    names: dict[str, Any] = field(default_factory=dict)

    def positional(self, index: int, role: str) -> Any:
        """The argument at a position (from 0) or of that name; MISSING where it is not known."""
        if index < len(self.positions) and self.positions[index] is not MISSING:
            return self.positions[index]
        return self.named(role) if role else MISSING

    def named(self, name: str) -> Any:
        """The argument of that name; MISSING where it is not known."""
        return self.names.get(name, MISSING)


NOTHING = Given()


def given(callee: Any, frame: types.FrameType | None) -> Given:
    """What a callee was called with, where ``frame`` is its own; nothing where that is not certain.

    A parameter that the frame's code writes to may be another by now, and is left out.
    """
    if frame is None:
        return NOTHING
    local, code = locals_of(frame), frame.f_code
    called = local.get("self") if code.co_name == "_wrapped_call_impl" else None
    if is_module(callee) or (callee is MISSING and is_module(called)):
        # Between the call of a module, `net(x)` or `nn.Linear(3, 4)(x)`, and its forward the arguments are all there.
        entry = called is not None and (callee is MISSING or called is callee)
        return _given(local.get("args"), local.get("kwargs")) if entry else NOTHING
    bound = _bound(callee, code)
    if bound is None:
        return NOTHING
    count = code.co_argcount + code.co_kwonlyargcount
    parameters, written = code.co_varnames[:count], _written(code)
    kept = {name: local[name] for name in parameters if name in local and name not in written}
    positions = tuple(kept.get(name, MISSING) for name in parameters[: code.co_argcount])
    rest = local.get(code.co_varnames[count], ()) if code.co_flags & _VARARGS else ()
    last = count + bool(code.co_flags & _VARARGS)
    more = local.get(code.co_varnames[last], {}) if code.co_flags & _VARKEYWORDS else {}
    found = _given(rest, more)
    return Given((positions + found.positions)[bound:], {**kept, **found.names})


def receiver(name: str, frame: types.FrameType | None) -> Any:
    """What a method was called on, where the frame is that of a method of this name; else MISSING."""
    if frame is None or frame.f_code.co_name != name or frame.f_code.co_varnames[:1] != ("self",):
        return MISSING
    return MISSING if "self" in _written(frame.f_code) else locals_of(frame).get("self", MISSING)


def _given(args: Any, kwargs: Any) -> Given:
    return Given(args if type(args) is tuple else (), kwargs if type(kwargs) is dict else {})


def _bound(callee: Any, code: types.CodeType) -> int | None:
    """How many first parameters the call itself fills, where the code is the callee's; None where it is not."""
    bound = 0
    if type(callee) is Method:
        callee, bound = callee.function, 1
    elif is_a(callee, type):
        callee, bound = static(callee, "__init__"), 1
    elif type(callee) is types.MethodType:
        callee, bound = callee.__func__, 1
    return bound if type(callee) is types.FunctionType and callee.__code__ is code else None


def _written(code: types.CodeType) -> set[str]:
    found: set[str] = set()
    for one in dis.get_instructions(code):
        if one.opname.startswith(_STORES):
            found.update(one.argval if isinstance(one.argval, tuple) else (one.argval,))
    return found
