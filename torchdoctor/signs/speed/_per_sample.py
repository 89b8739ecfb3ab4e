"""Whether the model is called for one sample after the other. Needs shapes: accumulation is no such loop."""

from __future__ import annotations

import re

from torchdoctor.trace_record import Operator, TraceRecord

_LAYERS = ("aten::linear", "aten::conv2d", "aten::conv1d", "aten::conv3d")
_FIRST = re.compile(r"\[([^\]]*)\]")


def per_sample(record: TraceRecord) -> bool:
    """True where the outermost module runs many times a step, and each time on one sample."""
    forward = record.act("forward")
    if forward is None or record.a_step(forward.calls) < 8 or record.whole:
        return False
    layers = [one for one in record.operators if one.name in _LAYERS]
    return bool(layers) and all(map(_single, layers))


def _single(one: Operator) -> bool:
    """Whether what comes in is one sample: no batch, or a batch of one."""
    found = _FIRST.match(one.shapes)
    sizes = [size.strip() for size in found[1].split(",")] if found else []
    return len(sizes) == 1 or sizes[:1] == ["1"]
