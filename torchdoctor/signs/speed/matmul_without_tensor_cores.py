"""Matrix products and convolutions in float32 that do not run on tensor cores, by the names of their kernels."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    plain = [one for one in record.kernels if one.tensor_cores is False and one.dtype in ("", "float32")]
    taken = sum(one.total for one in plain)
    # Tensor cores multiply float32, as TF32, from Ampere on; before that they need half precision.
    if not plain or taken < record.busy * 0.2 or 0 < record.capability < 7.0:
        return
    worst = max(plain, key=lambda one: one.total)
    share = record.share(taken)
    ampere = record.capability == 0 or record.capability >= 8.0
    half = "run forward and loss under `torch.autocast('cuda', dtype=torch.bfloat16)`"
    cures = (
        ("call `torch.set_float32_matmul_precision('high')`", half)
        if ampere
        else ("run forward and loss under `torch.autocast('cuda')`, with a GradScaler",)
    )
    yield Diagnosis(
        f"{percent(taken / record.busy)} of the GPU's time goes into float32 products without tensor cores",
        cures=cures,
        at=at(worst.place),
        evidence=(f"kernel `{worst.name[:80].replace('`', '')}`", *within(worst.place)),
        weight=share * 0.6,
    )
