"""`backward(gradient)` or `grad_outputs` of another shape than the output."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "Mismatch in shape: grad_output[{k:d}] has a shape of {got:s} and output[{k:d}] has a shape of {wanted:s}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Both shapes stand in the text; the names are of the user's expression."""
    got, wanted, asked = said["got"], said["wanted"], failure.asked
    gradient = asked.operand("gradient", "grad_outputs", "grad_tensors") if asked is not None else None
    output = asked.operand("self", "outputs", "tensors") if asked is not None else None
    name, of = failure.name_of(gradient, "the gradient"), failure.name_of(output, "the output")
    plain = output.code if output is not None and output.code.isidentifier() else "output"
    yield Diagnosis(
        f"{name} is {shape_text(got) if got else '()'} and {of} is {shape_text(wanted) if wanted else '()'}: "
        "a gradient has the shape of what it is the gradient of",
        cures=(f"`torch.ones_like({plain})`, where every element counts once",),
        roots=(Root(gradient, f"{name} got its shape here"),) if gradient is not None else (),
    )
