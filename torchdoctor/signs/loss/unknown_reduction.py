"""A loss that is told to reduce in a way that torch does not know: "average", "avg", "none_"."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built

_KNOWN = ("mean", "sum", "none", "batchmean")
_MEANT = {"average": "mean", "avg": "mean", "elementwise_mean": "mean", "elementwise": "none", "null": "none"}


@on_failure("^{word} is not a valid value for reduction", raises="ValueError", plain=False)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The word stands in the text. It is looked at when the loss is computed, not when it is made."""
    word = said["word"].strip("'\"")
    near = _MEANT.get(word.lower()) or next(iter(difflib.get_close_matches(word.lower(), _KNOWN, 1)), "mean")
    if word == "None":
        near = "none"
    layer = failure.layer
    where = layer.words if layer is not None else "the loss"
    yield Diagnosis(
        f"{where} is to reduce by '{word}', and knows 'mean', 'sum' and 'none'",
        cures=(f"`reduction='{near}'`",),
        roots=built(layer, f"made with `reduction='{word}'` here"),
    )
