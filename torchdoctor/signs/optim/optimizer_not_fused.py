"""The optimizer goes from parameter to parameter, with some small operations for each."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import Operator, TraceRecord

_FUSED = ("aten::_fused_", "aten::_foreach_")
_ONCE = ("aten::addcdiv_", "aten::addcdiv", "aten::addcmul_", "aten::lerp_")
_WITH_FUSED = ("Adam", "AdamW", "SGD", "Adagrad")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    share = record.share(record.phase("optimizer"))
    # On a GPU what counts is whether it waits for the host.
    if share < 0.15 or (record.gpu and record.idle < 0.1):
        return
    steps = [one for one in record.acts if one.name.startswith("step ")]
    if not steps or any(one.name.startswith(_FUSED) and one.calls for one in record.operators):
        return
    name = steps[0].name.removeprefix("step ")
    own = [one for one in record.operators if _in_optimizer(one)]
    # The operations that are called once for each parameter; NAdam calls some of them twice.
    once = [one.calls for one in own if one.name in _ONCE]
    number = min(once) if once else max((one.calls for one in own), default=0) if name == "SGD" else 0
    if record.a_step(number) < 40:
        return
    yield Diagnosis(
        f"`{name}` takes {time(record.a_step(record.phase('optimizer')))}, {percent(share)} of the step: it updates "
        "one parameter after the other",
        cures=tuple(_cures(record, name)),
        at=at(steps[0].place),
        evidence=(
            f"`{max(own, key=lambda one: one.calls).name}` and the like run for {record.a_step(number):.0f} parameters",
            *within(steps[0].place),
        ),
        weight=min(share, record.idle) if record.gpu else share,
    )


def _in_optimizer(one: Operator) -> bool:
    return one.phases.get("optimizer", 0.0) > 0.8 * sum(one.phases.values()) and bool(one.phases)


def _cures(record: TraceRecord, name: str) -> Iterator[str]:
    if name in _WITH_FUSED:
        yield f"give `{name}` the option `fused=True`: one operation updates all parameters"
    if record.gpu:
        yield f"give `{name}` the option `foreach=True`, the default where all parameters are plain tensors"
    if name not in _WITH_FUSED:
        yield f"compile it, `torch.compile(optimizer.step)`: `{name}` has no `fused=True`, Adam, AdamW and SGD have"
