"""`multinomial` of what are no probabilities: nan or inf out of the model, negative logits, a row of zeros."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "probability tensor contains either `inf`, `nan` or element < 0",
    "invalid multinomial distribution (sum of probabilities <= 0)",
    "invalid multinomial distribution (encountering probability entry",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The extremes of the tensor, and the number of its nans, tell which it is."""
    value = failure.operand("self", "input", 0)
    tensor = value.tensor if value is not None else None
    name = failure.name_of(value, "the tensor of probabilities")
    roots = (Root(value, f"{name} is computed here", "value"),) if value is not None else ()
    if "sum of" in said.text or (tensor is not None and tensor.most == 0 and tensor.least == 0):
        yield Diagnosis(
            f"a row of {name} is all zeros: there is nothing to draw",
            cures=(
                "leave at least one place of each row unmasked; top-p must keep the first token",
                "look for rows of padding",
            ),
            roots=roots,
        )
    elif tensor is not None and tensor.nans:
        yield Diagnosis(
            f"{name} holds {tensor.nans} nan",
            cures=(
                "look at the logits: `logits.isfinite().all()`; a row that is -inf throughout becomes nan in `softmax`",
                "in float16: compute in bfloat16 or float32, `model.float()`",
                "a temperature of 0 divides by zero: take `argmax` in that case",
            ),
            roots=roots,
        )
    elif tensor is not None and tensor.least is not None and tensor.least < 0:
        own = value.code if value is not None and value.code.isidentifier() else "logits"
        yield Diagnosis(
            f"{name} holds {tensor.least:.4g}, below 0: these are scores, no probabilities",
            cures=(
                f"`torch.multinomial({own}.softmax(-1), 1)`",
                f"`torch.distributions.Categorical(logits={own}).sample()`",
            ),
            roots=roots,
        )
    else:
        yield Diagnosis(
            f"{name} holds inf, nan or a number below 0",
            cures=(
                "`softmax(-1)` before sampling, where these are scores",
                "look at the logits: `logits.isfinite().all()`; float16 overflows, bfloat16 and float32 do not",
            ),
            roots=roots,
        )
