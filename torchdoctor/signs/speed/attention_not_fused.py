"""Attention is written out as product, softmax and product, and goes through memory as whole matrices of scores."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, within
from torchdoctor.trace_record import Operator, TraceRecord

_SOFTMAX = ("aten::_softmax", "aten::_softmax_backward_data", "aten::softmax")
_PRODUCTS = ("aten::bmm", "aten::baddbmm")
_MASKS = ("aten::masked_fill", "aten::masked_fill_", "aten::div", "aten::native_dropout", "aten::where")
_SCORES = re.compile(r"\[(?:\d+, )+(\d+), (\d+)\]")
_LEAST = 64  # positions


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    softmax = record.operator("aten::_softmax")
    if softmax is None or any("scaled_dot_product" in one.name or "flash" in one.name for one in record.operators):
        return
    length = _positions(softmax)
    taken = sum(record.own(one) for one in record.operators if one.name in _SOFTMAX or one.name in _PRODUCTS)
    products = [one for one in record.operators if one.name in _PRODUCTS and one.calls >= 2 * softmax.calls]
    share = record.share(taken)
    if length < _LEAST or not products or share < 0.2:
        return
    masks = sum(record.own(one) for one in record.operators if one.name in _MASKS and _positions(one) == length)
    yield Diagnosis(
        f"attention over {length} positions is written out as product, softmax and product: "
        f"{percent(record.share(taken + masks))} of the step",
        at=at(softmax.place),
        evidence=(f"scores of sizes {softmax.shapes.partition(']')[0]}]", *within(softmax.place)),
        weight=share / 2,
    )


def _positions(one: Operator) -> int:
    """The positions that are looked at, where the sizes are those of scores; 0 where they are not."""
    found = _SCORES.match(one.shapes)
    return int(found[2]) if found and int(found[1]) == int(found[2]) else 0
