"""A tensor that was made under `torch.inference_mode()`, in a computation that autograd records."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "Inference tensors cannot be saved for backward",
    "Inplace update to inference tensor outside InferenceMode is not allowed",
    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed",
    "Cannot set version_counter for inference tensor",
    "Inference tensors do not track version counter",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Each tensor's record says whether it was made in inference mode."""
    found = [
        value for value in (*failure.tensors, *_own(failure)) if value.tensor is not None and value.tensor.inference
    ]
    if not found:
        yield Diagnosis(
            "a tensor that was made under `torch.inference_mode()` came into a computation with gradients",
            cures=("make it under `torch.no_grad()` instead", "`x = x.clone()` outside of inference mode"),
        )
        return
    value = found[0]
    name = failure.name_of(value, "the input")
    code = value.code if value.code.isidentifier() else ""
    parameter = value.tensor is not None and value.tensor.kind == "Parameter"
    copy = (
        f"`{code} = {code}.clone()` first: a copy is a normal tensor"
        if code
        else "a `.clone()` of it: a copy is normal"
    )
    yield Diagnosis(
        f"{name} {value.tensor.size_text if value.tensor else ''} was made under `torch.inference_mode()`, "
        "and no graph can hold it",
        cures=(
            "build the model outside of `torch.inference_mode()`"
            if parameter
            else "`torch.no_grad()` instead of `torch.inference_mode()` where it is made",
            copy,
        ),
        roots=(Root(value, f"{name} is made here", "value"),),
    )


def _own(failure: Failure) -> tuple[ValueRecord, ...]:
    return failure.user.locals if failure.user is not None else ()
