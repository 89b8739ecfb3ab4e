"""A context manager for gradients, inference or autocast that is made and never entered.

Two forms: `torch.no_grad()` as a statement of its own, and `with torch.no_grad:` without the call. Silent for
`torch.set_grad_enabled(False)`, which acts when it is called; for decorators, which may stand without parentheses; and
where a test wants the call itself to raise.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_call, on_node
from torchdoctor.facts.file import File

# What each leaves as it is when it is not entered.
_LEAVES = {
    "torch.no_grad": "gradients stay on",
    "torch.inference_mode": "gradients stay on",
    "torch.enable_grad": "gradients stay as they are",
    "torch.amp.autocast": "no operation is cast",
}
_EXPECTS_FAILURE = {"raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns", "assertWarnsRegex"}


@on_call(*_LEAVES)
def check(file: File, call: cst.Call) -> Iterator[Found]:
    name = file.name(call.func)
    if name in _LEAVES and isinstance(file.parent(call), cst.Expr) and not _failure_is_expected(file, call):
        function = file.function(call)
        where = f" in `{function.name.value}`" if function is not None else ""
        yield Found(call, f"`{file.code(call)}` is a statement of its own and never entered: {_LEAVES[name]}{where}")


@on_node(cst.WithItem, words=[name.rpartition(".")[2] for name in _LEAVES])
def without_call(file: File, item: cst.WithItem) -> Iterator[Found]:
    name = file.name(item.item)
    if name in _LEAVES and not _failure_is_expected(file, item):
        code = file.code(item.item)
        # autocast cannot be called without a device type, which nothing here tells
        swaps = () if name == "torch.amp.autocast" else (Swap(item.item, f"{code}()"),)
        yield Found(item.item, f"`with {code}` enters the class `{code}`, not an instance of it", swaps=swaps)


def _failure_is_expected(file: File, node: cst.CSTNode) -> bool:
    """Whether a `with pytest.raises(...)`, or the like, stands around it."""
    for above in file.ancestors(node):
        for item in above.items if isinstance(above, cst.With) else ():
            called = item.item.func if isinstance(item.item, cst.Call) else None
            last = called.attr if isinstance(called, cst.Attribute) else called
            if isinstance(last, cst.Name) and last.value in _EXPECTS_FAILURE:
                return True
    return False
