"""Code whose failure is expected: in `with pytest.raises(...)`, in a `try` that catches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


# What torch's own operations do not raise.
_OTHER_KINDS = frozenset({
    "KeyboardInterrupt", "ImportError", "ModuleNotFoundError", "StopIteration", "SystemExit", "FileNotFoundError",
    "EOFError", "OSError", "KeyError",
})  # fmt: skip


def may_fail(file: File, node: cst.CSTNode) -> bool:
    """Whether an exception here is caught, or asked for by a test, within the same function."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
            return False
        if isinstance(above, (cst.Try, cst.TryStar)) and child is above.body and any(map(catches, above.handlers)):
            return True
        if isinstance(above, cst.With) and any(asks_for_failure(file, item.item) for item in above.items):
            return True
        child = above
    return False


def catches(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler may catch what torch raises: not where it only waits for Ctrl-C or a missing package."""
    if handler.type is None:
        return True
    kinds = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
    names = [kind.value if isinstance(kind, cst.Name) else "" for kind in kinds]
    return not all(name in _OTHER_KINDS for name in names)


def asks_for_failure(file: File, item: cst.BaseExpression) -> bool:
    if not isinstance(item, cst.Call):
        return False
    method = item.func.attr.value if isinstance(item.func, cst.Attribute) else ""
    return file.name(item.func) in ("contextlib.suppress", "pytest.raises") or method.startswith("assertRaises")
