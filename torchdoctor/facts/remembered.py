"""What has been found out of a file lives as long as the file keeps it: how it is remembered, and let go."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


class Remembering:
    """What works out its cached properties when it is asked, and can let go of them.

    Facts point at each other in circles: flows know the flows they are of, and a class is one of its own ancestry. Let
    go of, memory is given back at once, and nobody has to look for circles among millions of nodes.
    """

    def let_go(self, *but: str) -> None:
        """Forget what was worked out, except for these cached properties; what is forgotten forgets its own."""
        for forgotten in self._drop(but):
            if isinstance(forgotten, Remembering):
                forgotten.let_go()

    def _drop(self, but: tuple[str, ...]) -> list[object]:
        """Take the cached properties away that were asked for; what they gave. (Compiled classes have it written.)"""
        known = self.__dict__
        asked = [name for name in known if name not in but]
        return [known.pop(name) for name in asked if isinstance(getattr(type(self), name, None), cached_property)]


def remembered(file: File, what: str) -> dict[Any, Any]:
    """The answers of a fact that is a plain function. A weak dictionary would never forget: answers know their file."""
    return file.answers.setdefault(what, {})
