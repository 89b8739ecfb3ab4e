"""A norm layer whose weights are of another dtype than its input."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, cast, code_of, dtype_of, made


@on_failure(
    "mixed dtype (CPU): expect parameter to have scalar type of {wanted:w}",
    "mixed dtype (CPU): all inputs must share same datatype",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The weights' and the input's dtypes are at hand in torch's inner call."""
    value, weight = failure.operand("input", 0), failure.tensor("weight")
    layer, tensor = failure.layer, value.tensor if value is not None else None
    if tensor is None or weight is None:
        wanted = f": {dtype_of(said['wanted'])} is wanted" if said["wanted"] is not None else ""
        yield Diagnosis(f"a norm layer's weights are of another dtype than its input{wanted}")
        return
    name, where = failure.name_of(value, "the input"), failure.layer_text(layer, "the norm layer")
    code = code_of(failure, value, "x")
    if tensor.dtype == weight.dtype:
        yield Diagnosis(
            f"{where} has weights and running statistics of two dtypes, with an input of {tensor.dtype}",
            cures=(f"`layer.to(torch.{tensor.dtype})` of the whole layer: it moves its buffers as well",),
            roots=built(layer, "the layer is built here"),
        )
        return
    yield Diagnosis(
        f"{name} is {tensor.dtype}, and {where} has weights of {weight.dtype}",
        cures=tuple(_cures(tensor.dtype, weight.dtype, code)),
        roots=(
            *made(value, f"{tensor.dtype} is made here", "dtype"),
            *built(layer, f"{where} is built here, with {weight.dtype} weights"),
        ),
    )


def _cures(given: str, own: str, code: str) -> Iterator[str]:
    if given == "float64":
        yield f"`{cast(code, own)}`: float64 comes from NumPy, and nothing in the model needs it"
    elif own in ("float16", "bfloat16"):
        yield f"`{cast('layer', given)}`: a norm is more exact in {given}, and was halved with the rest"
        yield f"`{cast(code, own)}`, where the whole model runs in {own}"
    else:
        yield f"`{cast(code, own)}` before the layer, where the norms are kept in {own}"
        yield f"`{cast('model', given)}`, where the layer was left out by mistake"
