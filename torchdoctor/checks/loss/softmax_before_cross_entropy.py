"""Finds calls of a cross entropy whose input has been through a softmax: inline, by a variable, a layer, a model.

The softmax may be in another function, class or file. Silent where the input is a softmax on some ways only (in
evaluation, or by a flag that is not known), where a logarithm or a further layer comes in between, and for targets.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.activations import without
from torchdoctor.facts.file import File
from torchdoctor.facts.losses import loss_uses

_WORDS = ("CrossEntropyLoss", "cross_entropy")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    for use in loss_uses(file, file.flows.touching(frozenset(_WORDS)), "cross_entropy"):
        if use.scale is None or use.scale.value != "probabilities":
            continue
        mended = use.mended(file, without)
        yield Found(
            use.node,
            f"{use.given} has been through a softmax, and {use.callee} takes the softmax of its input itself",
            marks=use.marks("the softmax"),
            swaps=(Swap(*mended),) if mended is not None else (),
        )
