"""`numpy()` of a tensor that requires grad, in torch's words: NumPy, Matplotlib and scikit-learn ask for it too."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Can't call numpy() on Tensor that requires grad", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is what `numpy` is called on, or the one among the arguments that requires grad."""
    value = _culprit(failure)
    if value is None:
        yield Diagnosis("a tensor that requires grad was to become an array", ("`.detach().cpu().numpy()`",))
        return
    code = failure.asked.code if failure.asked is not None else ""
    name = failure.name_of(value, "the tensor")
    how = f", computed by `{value.tensor.grad_fn}`" if value.tensor and value.tensor.grad_fn else ""
    if code == f"{value.code}.numpy()" and len(code) < 60:
        cure = f"`{value.code}.detach().cpu().numpy()`"
    elif value.code.isidentifier():
        cure = f"hand on `{value.code}.detach().cpu().numpy()`"
    else:
        cure = "`.detach().cpu().numpy()`"
    yield Diagnosis(
        f"{name} {value.tensor.size_text if value.tensor else ''} requires grad{how}: an array would not be in "
        "the graph",
        cures=(cure, "compute it inside `with torch.no_grad():`, where it is only looked at"),
        roots=(Root(value, f"{name} came to require grad here", "grad"),),
    )


def _culprit(failure: Failure) -> ValueRecord | None:
    asked = failure.asked
    if asked is None:
        return None
    pool = [one for value in asked.operands for one in (value, *value.items)]
    return next((one for one in pool if one.tensor is not None and one.tensor.requires_grad), None)
