"""Finds calls of the negative log likelihood whose input comes out of a softmax, without a logarithm in between.

Silent where the softmax is on some ways only and where nothing is known of the input.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.activations import logarithmic
from torchdoctor.facts.file import File
from torchdoctor.facts.losses import loss_uses

_WORDS = ("NLLLoss", "NLLLoss2d", "nll_loss")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    for use in loss_uses(file, file.flows.touching(frozenset(_WORDS)), "nll_loss"):
        if use.scale is None or use.scale.value != "probabilities":
            continue
        mended = use.mended(file, logarithmic)
        yield Found(
            use.node,
            f"{use.callee} takes log-probabilities, and {use.given} holds the probabilities of a softmax",
            marks=use.marks("the softmax"),
            swaps=(Swap(*mended),) if mended is not None else (),
        )
