"""Whether an expression ran under autocast: by the `with` statements around the lines of the traceback.

When a failure is looked at, the contexts are long left. What is worked out anew has to run under the same one, or its
dtype would be wrong.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchdoctor.probes.packages import package_of
from torchdoctor.probes.source import Sources

OTHER = "other"  # of a device that is not here, or settings that are not plain


def autocast_around(sources: Sources, links: list[types.TracebackType]) -> str:
    """The dtype that autocast was set to on the CPU, "bfloat16"; OTHER where that is not known, "" where it was off."""
    found = ""
    for link in links:
        path = link.tb_frame.f_code.co_filename
        if package_of(path):
            continue
        sources.know(path, link.tb_frame.f_globals)
        for statement in sources.around(path, link.tb_lineno):
            items = statement.items if isinstance(statement, (ast.With, ast.AsyncWith)) else []
            for item in items:
                told = _told(item.context_expr)
                found = found if told is None else told
    return found


def _told(node: ast.expr) -> str | None:
    """What a context expression switches to; None where it is no autocast."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if "autocast" not in name:
        return None
    named = {word.arg: word.value for word in node.keywords}
    if isinstance(enabled := named.get("enabled"), ast.Constant) and enabled.value is False:
        return ""
    device = named.get("device_type", node.args[0] if node.args else None)
    dtype = named.get("dtype", node.args[1] if len(node.args) > 1 else None)
    if not isinstance(device, ast.Constant) or device.value != "cpu" or "enabled" in named:
        return OTHER
    if dtype is None:
        return "bfloat16"
    return dtype.attr if isinstance(dtype, ast.Attribute) and dtype.attr in ("bfloat16", "float16") else OTHER


@contextmanager
def as_then(torch: Any, dtype: str) -> Iterator[None]:
    """The same autocast, for what is worked out anew."""
    with torch.autocast("cpu", dtype=getattr(torch, dtype or "bfloat16"), enabled=bool(dtype), cache_enabled=False):
        yield
