"""Plain data of which millions are made and hashed: frozen for whoever checks types, quick at run time.

A frozen dataclass sets each field through ``object.__setattr__``, which makes it three times as dear, and hashes its
fields anew for each look-up, down through everything that they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import field

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[T], T]:
        return lambda decorator: decorator


T = TypeVar("T")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def fixed(kind: type[T]) -> type[T]: ...

else:

    def fixed(kind: type[T]) -> type[T]:
        """``@dataclass(frozen=True, slots=True)``, not held at run time; nobody may change what it makes.

        Where the class (or its base) has a slot ``_hash``, the hash is worked out once.
        """
        made = dataclass(slots=True, unsafe_hash=True)(kind)
        if hasattr(made, "_hash"):
            made.__hash__ = _kept(made.__hash__)
        return made


def _kept(work_out: Callable[[Any], int]) -> Callable[[Any], int]:
    def hash_once(self: Any) -> int:
        try:
            return self._hash  # type: ignore[no-any-return]
        except AttributeError:
            found = self._hash = work_out(self)
            return found

    return hash_once
