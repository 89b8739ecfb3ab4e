"""An attention mask of integers, as tokenizers make them, or of another float dtype than the queries."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import cast, code_of, dtype_of, made


@on_failure(
    "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {mask} and "
    "query.dtype: {query} instead",
    "Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: {mask} and query.dtype: "
    "{query} instead",
    "only bool and floating types of {name:w} are supported",
    raises=("RuntimeError", "AssertionError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """True keeps a place in `scaled_dot_product_attention`, and hides it in `nn.MultiheadAttention`."""
    asked_as = said["name"] or "attn_mask"
    mask = failure.operand(asked_as, "src_key_padding_mask", "src_mask", "key_padding_mask", "attn_mask", "mask", 3)
    tensor = mask.tensor if mask is not None else None
    dtype = tensor.dtype if tensor is not None else dtype_of(said["mask"])
    name, code = failure.name_of(mask, f"`{asked_as}`"), code_of(failure, mask, asked_as)
    if code.endswith((".long()", ".int()", ".float()")):
        inner = code.rpartition(".")[0]
        cures: tuple[str, ...] = (f"`{inner}`, without the cast, if it holds truth values",)
    elif said["name"] is not None:
        cures = (
            f"`{code} == 0`, if 1 marks what counts, as tokenizers do: here True hides a place",
            f"`{code}.bool()`, if 1 marks what is to be hidden",
        )
    elif dtype.startswith(("float", "bfloat")):
        cures = (f"`{cast(code, dtype_of(said['query']))}`: a mask that is added has the queries' dtype",)
    else:
        cures = (
            f"`{code}.bool()`, if 1 marks what counts: here True keeps a place",
            f"`{code} == 0`, if 1 marks what is to be hidden",
        )
    yield Diagnosis(
        f"{name} is {dtype}: a mask is bool, or floats that are added to the scores"
        if dtype
        else f"{name} is of integers: a mask is bool, or floats that are added to the scores",
        cures=cures,
        roots=made(mask, f"{dtype} is made here", "dtype"),
    )
