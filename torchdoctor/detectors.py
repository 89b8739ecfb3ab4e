"""How checks and signs are found: a module of a topic's folder holds what finds the rule of its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

D = TypeVar("D")


def found_in(package: ModuleType, kind: type[D]) -> tuple[D, ...]:
    """Every detector of this kind in the modules below the package, in the order of their names."""
    found: list[D] = []
    for info in sorted(pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda info: info.name):
        if not info.ispkg and not info.name.rpartition(".")[2].startswith("_"):
            module = importlib.import_module(info.name)
            found.extend(value for value in vars(module).values() if isinstance(value, kind))
    return tuple(found)


def rule_of(run: Callable[..., Any]) -> str:
    """The rule that a detector's function finds: its module's name."""
    return run.__module__.rpartition(".")[2].replace("_", "-")
