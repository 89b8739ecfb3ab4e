"""Finds models that a loop puts into eval mode and goes on training, since nothing in the loop puts them back.

Silent where anything in the loop calls train() on the model, whatever with; where the model was in eval mode before the
loop (fine-tuning with frozen statistics); and where eval() comes right before the training step, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.evaluation import mode_words
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.names import dotted
from torchdoctor.facts.sticking import Stuck, stuck


@on_file(words=("eval", ".train("))
def check(file: File, _: File) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    words = mode_words(file)
    for flow in file.flows.touching(words, frozenset({"backward"})) if words else ():
        for case in stuck(flow):
            place = case.setting.via[0] if case.setting.via else case.setting.node
            if place in file.tree.order and place not in told:
                told.add(place)
                yield _found(file, flow, case, place)


def _found(file: File, flow: Flow, case: Stuck, place: cst.CSTNode) -> Found:
    name, body = _name(file, flow, case), case.loop.body
    marks = [(case.setting.node, "put into eval mode here")] if case.setting.via else []
    marks.append((case.forward.via[0] if case.forward.via else case.forward.node, "trained here on the next pass"))
    code = " ".join(file.code(place).split())
    shown = f"`{name}`" if name else "the model"
    return Found(
        place,
        f"`{code}` leaves {shown} in eval mode, and the next pass of the loop trains it so",
        marks=tuple(mark for mark in marks if mark[0] in file.tree.order),
        swaps=(Swap(body.body[0], f"{name}.train()", "before"),)
        if name and isinstance(body, cst.IndentedBlock)
        else (),
    )


def _name(file: File, flow: Flow, case: Stuck) -> str | None:
    """What the function that holds the loop calls the model: `net`, `self.model`."""
    for event in (case.setting, case.forward):
        node = event.node.func if isinstance(event.node, cst.Call) else event.node
        name = dotted(node.value if event.kind == "eval" and isinstance(node, cst.Attribute) else node)
        if not event.via or (name is not None and all(_is_on_self(call) for call in (event.node, *event.via))):
            return name
    for node in (*file.nodes(cst.Name), *file.nodes(cst.Attribute)):
        if flow.value(node) == case.setting.on and case.loop in file.ancestors(node):
            return dotted(node)
    return None


def _is_on_self(call: cst.CSTNode) -> bool:
    """`self.validate()`: the method calls its own object `self` too."""
    return isinstance(call, cst.Call) and (dotted(call.func) or "").startswith("self.")
