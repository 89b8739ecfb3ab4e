"""The step makes its data itself, on the CPU, and the model waits for it: random numbers, masks, what is then copied.

With a GPU, all that the CPU computes outside of loading, backward and the optimizer counts; without one only what fills
new tensors does, for there everything is computed on the CPU."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import TraceRecord

_MAKING = re.compile(
    r"aten::(rand|randn|randint|randperm|rand_like|randn_like|randint_like|normal_?|uniform_|random_|bernoulli_?|poisson"
    r"|multinomial|exponential_|zeros|ones|full|eye|arange|linspace|one_hot)$"
)
_CALL = 20.0  # microseconds: what takes less is a view, or looks at sizes
_LEAST = 300.0


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    moved = sum(one.calls for one in record.copies if one.kind.startswith("HtoD")) >= record.count
    if record.whole or (record.gpu and not moved):
        return
    made = [
        one
        for one in record.operators
        if (record.gpu or _MAKING.match(one.name)) and one.calls and one.host >= _CALL * min(one.calls, record.count)
    ]
    taken = sum(one.host for one in made)
    share = record.share(taken)
    hurts = min(share, record.idle) if record.gpu else share
    if hurts < (0.1 if record.gpu else 0.2) or record.a_step(taken) < _LEAST:
        return
    most = max(made, key=lambda one: one.host)
    then = ", before it is copied to the GPU" if record.gpu else ""
    yield Diagnosis(
        f"making data on the CPU takes {time(record.a_step(taken))} a step, {percent(share)} of it{then}: most of it "
        f"`{most.name}`",
        cures=(
            *(("make it where it is used: `torch.randn(size, device=x.device)`, and the like",) if record.gpu else ()),
            "make it in a Dataset, and load it with `num_workers=1` or more: they make the next batch meanwhile",
            "make it once before the loop, and take a part of it in each step",
        ),
        at=at(most.place),
        evidence=within(most.place),
        weight=hurts,
    )
