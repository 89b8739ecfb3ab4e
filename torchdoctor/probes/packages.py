"""Whose code a file is: the user's own, or an installed package's."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache

from torchdoctor.probes.plain import class_dict, loaded

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


def users_file(kind: type) -> str | None:
    """The file in which a class of the user's own is written, "" where that is not told: of `__main__`, of a notebook.

    None of installed classes and of builtins.
    """
    name = class_dict(kind).get("__module__")
    if type(name) is not str or name.partition(".")[0] in sys.builtin_module_names:
        return None
    while name and name != "__main__":
        path = _file_of(loaded(name))
        if path:
            return None if package_of(path) else path
        name = name.rpartition(".")[0]  # a part of an extension has no file of its own
    return ""


def _file_of(module: object) -> str:
    try:
        path = vars(module).get("__file__")
    except TypeError:
        return ""
    return path if type(path) is str else ""
