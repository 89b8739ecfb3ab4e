"""`gradcheck` found a backward that does not fit its forward, or was given single precision."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("Jacobian mismatch for output {i:d} with respect to input {j:d}", raises="GradcheckError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """In float32 the numerical derivative is only good for three digits: then the check itself is at fault."""
    given = failure.asked.operand("inputs", 1) if failure.asked is not None else None
    values = (given.items or (given,)) if given is not None else ()
    single = [
        value
        for value in values
        if value.tensor is not None and value.tensor.dtype in ("float32", "float16", "bfloat16")
    ]
    what = f"the backward of output {said['i']} with respect to input {said['j']} differs from the numerical derivative"
    if single and single[0].tensor is not None:
        yield Diagnosis(
            f"{what}; the inputs are `{single[0].tensor.dtype}`, which is too coarse for the comparison",
            cures=("check with `dtype=torch.float64` inputs first",),
        )
        return
    yield Diagnosis(
        what,
        cures=(
            "compare the two tables in the text: a constant factor is a factor that `backward` forgot, a "
            "transpose a wrong index",
            "look whether `backward` uses what `forward` saved before it was changed in place",
            "where the function has a kink (relu, max, abs), move the inputs away from it",
        ),
    )
