"""Finds calls of binary cross entropy with logits whose input has been through a sigmoid (or a softmax), near or far.

Silent where the sigmoid is on some ways only, where the code goes back to logits, for targets and weights, and for
values that are in [0, 1] for another reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.activations import is_bound, without
from torchdoctor.facts.file import File
from torchdoctor.facts.losses import loss_uses

_WORDS = ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    flows = file.flows.touching(frozenset(_WORDS))
    for use in loss_uses(file, flows, "binary_cross_entropy_with_logits"):
        if use.scale is None or use.scale.value not in ("unit", "probabilities") or is_bound(use.scale.because):
            continue
        kind = "sigmoid" if use.scale.value == "unit" else "softmax"
        mended = use.mended(file, without)
        yield Found(
            use.node,
            f"{use.given} has been through a {kind}, and {use.callee} takes the sigmoid of its input itself",
            marks=use.marks(f"the {kind}"),
            swaps=(Swap(*mended),) if mended is not None else (),
        )
