"""Writes what `from torch... import *` brings into torchdoctor/torch_exports.py.

    python tests/facts/write_exports.py

Lint must know these names without torch being there; test_names.py holds the file against the torch that is installed.
"""

from __future__ import annotations

import importlib
import textwrap
import types
from pathlib import Path

TARGET = Path(__file__).parents[2] / "torchdoctor" / "torch_exports.py"
MODULES = (
    "torch",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.cuda",
    "torch.cuda.amp",
    "torch.amp",
    "torch.distributed",
    "torch.fft",
    "torch.func",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.parallel",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.special",
    "torch.utils.checkpoint",
    "torch.utils.data",
)
HEAD = '''"""What `from torch... import *` brings, less the modules among it.

Written from torch {release} by tests/facts/write_exports.py; compared with torch in the tests.
"""

RELEASE = "{release}"

_WORDS = {{
'''
TAIL = """}

EXPORTS: dict[str, frozenset[str]] = {module: frozenset(words.split()) for module, words in _WORDS.items()}
"""


def exports(name: str) -> list[str]:
    """The names that a star import of the module brings and that mean something of this module's own."""
    module = importlib.import_module(name)
    declared = getattr(module, "__all__", None)
    names = declared if declared is not None else [n for n in vars(module) if not n.startswith("_")]
    return sorted({n for n in names if _own(module, n, declared is not None)})


def _own(module: types.ModuleType, name: str, declared: bool) -> bool:
    value = getattr(module, name, None)
    if isinstance(value, types.ModuleType):
        return False
    if isinstance(value, type) and not declared:
        return f"{value.__module__}.".startswith(f"{module.__name__}.")
    home = str(getattr(value, "__module__", ""))
    return declared or (home.startswith("torch") and home != "torch.overrides")


def release() -> str:
    import torch

    return torch.__version__.partition("+")[0]


def write() -> str:
    """The text of the module."""
    rows = [HEAD.format(release=release())]
    for module in MODULES:
        words = textwrap.fill(" ".join(exports(module)), 118, break_on_hyphens=False)
        rows.append(f'    "{module}": """\n{words}\n""",\n')
    return "".join([*rows, TAIL])


if __name__ == "__main__":
    TARGET.write_text(write(), encoding="utf-8")
