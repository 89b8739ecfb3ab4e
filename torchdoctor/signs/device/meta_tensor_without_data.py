"""Numbers are asked of a meta tensor, which has sizes and no data: a model that was made and never filled."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "Cannot copy out of meta tensor; no data!",
    "Tensor.item() cannot be called on meta tensors",
    raises=("RuntimeError", "NotImplementedError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A module whose weights are on meta is told by its name; a tensor by its own."""
    value = next((one for one in failure.tensors if one.tensor is not None and one.tensor.device == "meta"), None)
    tensor = value.tensor if value is not None else None
    moving = failure.calls("to", "cuda", "cpu", "torch.nn.Module.to") and "copy out" in said.text
    if "Module.to_empty" in failure.message or (moving and _is_weight(value, tensor)):
        yield Diagnosis(
            "the module's parameters are on the meta device: they have sizes and no numbers to move",
            (
                "`model.to_empty(device=device)`, which makes room; then load the weights, or initialise them",
                "`model.load_state_dict(state, assign=True)` first, which puts the loaded tensors in their place",
            ),
        )
        return
    name, code = failure.name_of(value, "a tensor"), code_of(failure, value, "x")
    shape = f" {tensor.size_text}" if tensor is not None else ""
    yield Diagnosis(
        f"{name}{shape} is on the meta device: it has sizes and no numbers",
        (f"`torch.empty_like({code}, device='cpu')`, to be filled", "the device where it is made, instead of 'meta'"),
        roots=made(value, "it is put on the meta device here", "device"),
    )


def _is_weight(value: ValueRecord | None, tensor: TensorRecord | None) -> bool:
    return tensor is not None and (
        tensor.kind == "Parameter" or (value is not None and value.role in ("weight", "bias"))
    )
