"""Whose code a file is: the user's own, or an installed package's."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache

_INSTALLED = ("site-packages", "dist-packages")
_claimed: set[str] = set()


def claim(names: Iterable[str]) -> None:
    """Take installed packages of these names for the user's own code: a project that is installed to be tested."""
    _claimed.update(names)
    package_of.cache_clear()


@lru_cache(maxsize=4096)
def package_of(path: str) -> str:
    """The installed package that a file is of; "" for the user's own code. "python" is the standard library."""
    if path.startswith("<"):
        return "python" if path.startswith("<frozen ") else "torch" if path.startswith("<eval_with_key>") else ""
    parts = path.replace("\\", "/").split("/")
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in _INSTALLED:
            name = parts[index + 1].removesuffix(".py")
            return "" if name in _claimed else name
    place = os.path.normcase(path)  # on Windows C:/Python and c:/python are one folder
    for folder, name in _own_folders():
        if place.startswith(os.path.normcase(folder)):
            return name
    return ""


@lru_cache(maxsize=1)
def _own_folders() -> tuple[tuple[str, str], ...]:
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = [(here + os.sep, "torchdoctor")]
    torch = sys.modules.get("torch")
    if torch is not None and type(place := vars(torch).get("__file__")) is str:  # an editable or a source build
        found.append((os.path.dirname(place) + os.sep, "torch"))
    for key in ("stdlib", "platstdlib"):
        if folder := sysconfig.get_paths().get(key):
            found.append((os.path.normpath(folder) + os.sep, "python"))
    return tuple(found)
