"""Records of any kind to plain JSON values and back: what reports hold, and what tests replay."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_DEEPEST = 40


def plain(value: Any, depth: int = 0) -> Any:
    """A record as dictionaries and lists; what is at its default is left out."""
    if depth > _DEEPEST:
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: plain(held, depth + 1)
            for one in fields(value)
            if one.init and not _default(one, held := getattr(value, one.name))
        }
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _default(one: Any, held: Any) -> bool:
    if one.default is not MISSING:
        return bool(type(held) is type(one.default) and held == one.default)
    return one.default_factory is not MISSING and not held


def restored(kind: type[T], data: Any) -> T:
    """The record of this class that ``plain`` wrote; fields that are not there are at their defaults.

    Keys that the class has no field for are passed over: a later version may have written them. Raises ValueError
    where the data has not the form of the class.
    """
    try:
        return _value(kind, data)  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this is no {kind.__name__}: {error}") from None


def _value(kind: Any, data: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, types.UnionType):
        return None if data is None else _value(next(one for one in inner if one is not type(None)), data)
    if origin is tuple:
        if not isinstance(data, list):
            raise TypeError(f"a list is expected, not {type(data).__name__}")
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_value(inner[0], one) for one in data)
        return tuple(_value(one, item) for one, item in zip(inner, data, strict=False))
    if origin is list:
        return [_value(inner[0], one) for one in data]
    if origin is dict:
        return {_value(inner[0], key): _value(inner[1], item) for key, item in data.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(data, Mapping):
            raise TypeError(f"an object is expected for {kind.__name__}, not {type(data).__name__}")
        return kind(**{name: _value(hint, data[name]) for name, hint in _fields(kind).items() if name in data})
    if kind in (int, float):
        return kind(data)
    if kind in (str, bool) and not isinstance(data, kind):
        raise TypeError(f"a {kind.__name__} is expected, not {data!r:.40}")
    return data


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind) if one.init}
