"""Whose code a file of a traceback is, told from its path alone: so it holds for other people's machines as well."""

from __future__ import annotations

import re
import sys

_INSTALLED = re.compile(r"(?:site|dist)-packages/(?:[^/]+\.egg/)?([^/]+)")
_LIBRARY_ROOT = re.compile(r"/lib(?:64)?/python\d")
# On Windows the standard library lies in C:/Python312/Lib, and a project may have a folder lib of its own.
_LIBRARY_ON_WINDOWS = re.compile(r"^[A-Za-z]:/(?:.*/)?Lib/(\w+)", re.IGNORECASE)
# A checkout of torch itself, and what it compiles and generates.
_TORCH = re.compile(
    r"(?:^|/)torch/(?:nn|utils|_dynamo|_inductor|_functorch|autograd|optim|distributed|cuda|amp|_tensor|functional|"
    r"serialization|_utils|fx|jit|_ops|_library|export|multiprocessing|storage|overrides)(?:/|\.py)"
    r"|torchinductor_\w+/|<eval_with_key>|/bin/torchrun$|<torch_package"
)


def package_of(path: str) -> str:
    """The installed package that a file belongs to, "python" for the standard library; "" for the user's own code."""
    path = path.replace("\\", "/")
    if path.startswith("<frozen "):
        return "python"
    if found := _INSTALLED.search(path):
        return found[1].removesuffix(".py").removesuffix(".pyc")
    if _TORCH.search(path):
        return "torch"
    windows = _LIBRARY_ON_WINDOWS.match(path)
    own = windows is not None and windows[1] in sys.stdlib_module_names
    return "python" if own or _LIBRARY_ROOT.search(path) else ""
