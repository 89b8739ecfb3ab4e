"""What libcst's parser imports: libcst, for each node that it makes. That is a twentieth of the time of parsing.

It is done in C, which asks the module of its caller how imports are done, and then looks among the modules itself.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

from libcst._parser import entrypoints


def import_quickly() -> None:
    """Let the parser find what is imported already, for good."""
    vars(entrypoints)["__builtins__"] = {**vars(builtins), "__import__": _imported}


def _imported(name: str, there: Any, here: Any, names: Any, level: Any) -> Any:
    return None if name in sys.modules else builtins.__import__(name, there, here, names, level)
