"""A NumPy array where a tensor belongs, or a tensor's method asked of an array."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import made, operand


@on_failure(
    *_given.TEXTS,
    _given.OPERATION,
    "{op:w}(): argument '{argument:w}' (position {position:d}) must be tuple of Tensors, not {type:w}",
    "'numpy.ndarray' object has no attribute '{attribute:w}'",
    raises=("TypeError", "AttributeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """ "'int' object is not callable" is what `array.size()` says in torch's own code."""
    if not _given.asks_for_a_tensor(failure, said["attribute"]):
        return
    texts = "numpy.ndarray" in said.text
    if not texts and not (
        "callable" in said.text and failure.live and failure.inner is not None and not failure.inner.user
    ):
        return
    value = _given.refused(failure, said, "ndarray")
    if (not texts and value is None) or not _given.with_a_tensor(said):
        return
    tensor = value.tensor if value is not None else None
    code = operand(value.code) if value is not None and value.code and len(value.code) < 50 else "array"
    name = f"`{code}`" if code != "array" else "what it got"
    if value is None and said["element"] is not None:
        name = f"element {said['element']} of what it got"
    attribute = said["attribute"]
    shape = f" {tensor.size_text} of {tensor.dtype}" if tensor is not None else ""
    wants = _given.wants(failure, said) + (": that is a tensor's" if attribute is not None else "")
    yield Diagnosis(
        f"{name} is a NumPy array{shape}, {wants}",
        cures=tuple(_cures(code, tensor.dtype if tensor is not None else "", attribute, said["symbol"])),
        roots=made(value, "the array is made here", "value"),
    )


# Others say these too: torch has to be what was asked.
elsewhere = on_failure(
    _given.OVERLOADS,
    "'int' object is not callable",
    raises=("TypeError", "AttributeError"),
    plain=False,
)(sign.run)


def _cures(code: str, dtype: str, attribute: str | None, symbol: str | None) -> Iterator[str]:
    if dtype == "float64":
        yield f"`torch.from_numpy({code}).float()`: float32, as the layers are"
    elif dtype == "uint8":
        yield f"`torch.from_numpy({code}).float() / 255`, for pixels"
    else:
        yield f"`torch.from_numpy({code})`"
    if attribute in ("unsqueeze", "permute", "cpu", "to", "cuda", "detach", "view"):
        own = {"unsqueeze": f"{code}[None]", "permute": f"{code}.transpose(...)", "view": f"{code}.reshape(...)"}
        if attribute in own:
            yield f"`{own[attribute]}`, if it is to stay an array"
        elif attribute in ("cpu", "detach"):
            yield f"`{code}` as it is: it has been turned into an array already"
    elif symbol is not None:
        yield "`.detach().cpu().numpy()` of the tensor, if the result is to be an array"
