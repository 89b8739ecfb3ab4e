"""Finds calls of `kl_div` whose first argument is a probability: only the target may be one.

Silent where a logarithm comes in between, and where nothing is known of the argument.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.activations import logarithmic
from torchdoctor.facts.file import File
from torchdoctor.facts.losses import loss_uses

_WORDS = ("KLDivLoss", "kl_div")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    for use in loss_uses(file, file.flows.touching(frozenset(_WORDS)), "kl_div"):
        if use.scale is None or use.scale.value != "probabilities":
            continue
        mended = use.mended(file, logarithmic)
        yield Found(
            use.node,
            f"the first argument of {use.callee} is taken for log-probabilities, and {use.given} holds probabilities",
            marks=use.marks("the softmax"),
            swaps=(Swap(*mended),) if mended is not None else (),
        )
