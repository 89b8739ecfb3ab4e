"""`scaled_dot_product_attention` with back ends shut out, and none left that can take the operands."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "No viable backend for scaled_dot_product_attention was found",
    "No available kernel. Aborting execution",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What a fused kernel does not take stands in the operands: a dtype, a head size, a mask."""
    query, mask = failure.tensor("query", 0), failure.operand("attn_mask", 3)
    facts = list(_in_the_way(query, mask is not None and mask.tensor is not None))
    yield Diagnosis(
        "the back ends of attention that `sdpa_kernel` leaves cannot take these operands"
        + (f": {facts[0]}" if facts else ""),
        cures=(
            "leave `SDPBackend.MATH` in: `sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, "
            "SDPBackend.MATH])`",
            "for the flash kernel: `float16` or `bfloat16` on a GPU, a head size of at most 256, no mask but "
            "`is_causal=True`",
        ),
        evidence=tuple(facts[1:]),
    )


def _in_the_way(query: TensorRecord | None, masked: bool) -> Iterator[str]:
    if query is not None:
        if not query.device.startswith("cuda"):
            yield f"the query is on `{query.device}`"
        if query.dtype not in ("float16", "bfloat16"):
            yield f"the query is `{query.dtype}`, and flash attention takes half precision"
        if query.shape and query.shape[-1] > 256:
            yield f"the heads have {query.shape[-1]} numbers, and flash attention takes 256"
    if masked:
        yield "a mask is given, and flash attention takes none"
