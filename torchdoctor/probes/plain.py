"""Looking at objects without running a line of anybody's code.

``isinstance`` asks an object's ``__class__``, ``getattr`` its ``__getattr__``, ``repr`` its ``__repr__``: all of that
is user code, and in a program that has just failed it may fail again, hang, or write. What stands here reads types,
their dictionaries and instance dictionaries only.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

_MRO = type.__dict__["__mro__"]
_NAME = type.__dict__["__name__"]
_QUALNAME = type.__dict__["__qualname__"]
_CLASS_DICT = type.__dict__["__dict__"]
MISSING: Any = object()


def classes(value: object) -> tuple[type, ...]:
    """The class of a value and all its bases."""
    found: tuple[type, ...] = _MRO.__get__(type(value))
    return found


def bases(cls: type) -> tuple[type, ...]:
    """A class and all its bases."""
    found: tuple[type, ...] = _MRO.__get__(cls)
    return found


def is_a(value: object, *kinds: type | None) -> bool:
    """``isinstance``, without asking the value."""
    return any(cls is kind for cls in classes(value) for kind in kinds if kind is not None)


def class_name(cls: type) -> str:
    return str(_NAME.__get__(cls))


def qualified(cls: type) -> str:
    """ "torch.nn.modules.linear.Linear"."""
    module = class_dict(cls).get("__module__", "")
    name = str(_QUALNAME.__get__(cls))
    return f"{module}.{name}" if type(module) is str and module else name


def class_dict(cls: type) -> dict[str, Any]:
    return dict(_CLASS_DICT.__get__(cls))


def static(cls: type, name: str) -> Any:
    """What a class or one of its bases holds under a name, as it lies there; MISSING where it holds nothing."""
    for one in bases(cls):
        found = _CLASS_DICT.__get__(one).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def instance_dict(value: object) -> dict[str, Any]:
    """A value's own attributes; none where it keeps them in a way of its own."""
    found = static(type(value), "__dict__")
    if type(found) is not types.GetSetDescriptorType:
        return {}
    try:
        held = found.__get__(value)
    except Exception:
        return {}
    return held if type(held) is dict else {}


def length(value: Any) -> int | None:
    """``len`` of a builtin container, or of a class derived from one that keeps the builtin's."""
    for kind in (list, tuple, dict, str, bytes, set, frozenset, range):
        measure: Any = kind
        if is_a(value, kind):
            return int(measure.__len__(value))
    return None


def items(value: Any, most: int) -> Iterator[tuple[str, Any]]:
    """The first items of a list, tuple or dict, with their index or key as text."""
    if is_a(value, list, tuple):
        kind: Any = list if is_a(value, list) else tuple
        for index in range(min(kind.__len__(value), most)):
            yield str(index), kind.__getitem__(value, index)
    elif is_a(value, dict):
        for index, (key, item) in enumerate(dict.items(value)):
            if index >= most:
                return
            if type(key) in (str, int):
                yield str(key), item


def loaded(name: str) -> Any:
    """A module where it is loaded already, else None: nothing is ever imported on a failure's account."""
    return sys.modules.get(name)


def torch_class(path: str) -> Any:
    """A class of torch, "nn.Module", where torch is loaded and has it."""
    found = loaded("torch")
    for part in path.split("."):
        found = None if found is None else vars(found).get(part)
    return found


_OPTIMIZED = 0x01


def locals_of(frame: types.FrameType) -> dict[str, Any]:
    """What a frame's names are, as a dictionary of its own.

    Up to Python 3.12 a function's frame keeps the dictionary that it once gave out, and with it all that it names,
    the exception among them: a circle that only the garbage collector undoes. So that one is emptied again.
    """
    given = frame.f_locals
    found = dict(given)
    if frame.f_code.co_flags & _OPTIMIZED and type(given) is dict:
        given.clear()
    return found
