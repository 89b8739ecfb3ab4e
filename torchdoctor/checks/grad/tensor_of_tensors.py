"""Finds `torch.tensor([...])` of lists that hold tensors: in a graph, which ends there, or of several elements.

Silent where an item is not known to be either; what is detached, or a number (`.item()`), may stand in such a list.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.copied import COPYING, has_several, held, in_graph
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.refusal import shape_text
from torchdoctor.facts.values import Tensor, Value


@on_file(words=COPYING)
def check(file: File, _: File) -> Iterator[Found]:
    if not any(_is_called(file, name) for word in COPYING for name in file.mentions.get(word, ())):
        return
    for verdict in judged(file, COPYING, _judge, COPYING):
        use, item = verdict.operation, verdict.says
        assert isinstance(item, Tensor)
        if may_fail(use.file, use.node) or may_fail(file, verdict.node):
            continue
        what = f"`{short(use.file, use.node)}` makes numbers of the tensors in its list"
        if in_graph(item):
            said = f"{what}: the graph of {_first(use, item)} ends there"
        else:
            assert item.shape is not None
            said = f"{what}, and {_first(use, item)} has the shape {shape_text(item.shape.value)}"
        yield Found(
            verdict.node,
            said,
            marks=reasons(verdict, (item.grad if in_graph(item) else item.shape, "an item comes from here")),
            swaps=_stacked(file, use) if not verdict.elsewhere else (),
        )


def _is_called(file: File, name: cst.Name) -> bool:
    above = file.parent(name)
    return isinstance(above, (cst.Call, cst.ImportAlias)) or isinstance(file.parent(above or name), cst.Call)


def _judge(use: Operation) -> Tensor | None:
    """The item that is in a graph, or of several elements."""
    items = [item for item in _items(use) if isinstance(item, Tensor)]
    lost = next(filter(in_graph, items), None) or next(filter(has_several, items), None)
    return lost if not use.use.arguments.starred else None


def _items(use: Operation) -> list[Value]:
    data = use.value("data") or next(iter(use.use.rest), None)
    return list(held(use.flow, data))


def _first(use: Operation, item: Tensor) -> str:
    """The item as it is written in the list."""
    written = use.node.args[0].value if isinstance(use.node, cst.Call) and use.node.args else None
    elements = [e.value for e in written.elements] if isinstance(written, (cst.List, cst.Tuple)) else []
    here = next((one for one in elements if use.flow.values.get(one) is item), None)
    return f"`{short(use.file, here)}`" if here is not None else "an item"


def _stacked(file: File, use: Operation) -> tuple[Swap, ...]:
    """`torch.stack`, where all items are single numbers of one kind."""
    call = use.node
    if not isinstance(call, cst.Call) or len(call.args) != 1 or call.args[0].keyword is not None:
        return ()
    single = all(isinstance(item, Tensor) and item.shape is not None and not item.shape.value for item in _items(use))
    plain = use.name in ("tensor", "as_tensor") and isinstance(call.func, cst.Attribute)
    if not single or not plain or not isinstance(call.func, cst.Attribute):
        return ()
    return (Swap(call.func.attr, "stack"),)
