"""An attribute that tensors do not have: NumPy's `astype` and `copy`, a list's `append`, a misspelt method."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made

# What NumPy, lists and Keras call what a tensor calls otherwise.
_TORCH = {
    "astype": "to(torch.float32)", "copy": "clone()", "transpose_": "transpose(0, 1)", "size_": "size()",
    "append": "torch.cat([x, y])", "extend": "torch.cat([x, y])", "concatenate": "torch.cat([x, y])",
    "items": "tolist()", "keys": "shape", "values": "tolist()", "to_numpy": "numpy()", "eval": "item()",
    "asnumpy": "numpy()", "read": "numpy()", "fill": "fill_(value)", "sort_values": "sort()", "len": "size(0)",
    "length": "size(0)", "get_shape": "shape", "ravel_": "flatten()", "zero_grad": "grad = None",
    "cross_entropy": "torch.nn.functional.cross_entropy(x, y)", "requires_gradient": "requires_grad", "gpu": "cuda()",
}  # fmt: skip
_METHODS = (
    "view", "reshape", "unsqueeze", "squeeze", "permute", "transpose", "flatten", "expand", "repeat", "contiguous",
    "clone", "detach", "backward", "numpy", "item", "tolist", "argmax", "argmin", "softmax", "sigmoid", "shape",
    "requires_grad",
    "size", "mean", "sum", "matmul", "float", "long", "double", "half", "bool", "device", "dtype", "gather", "scatter",
    "masked_fill", "index_select", "cumsum", "clamp", "normal_", "uniform_", "zero_", "fill_", "retain_grad", "grad",
)  # fmt: skip


@on_failure("'Tensor' object has no attribute '{name:w}'", raises="AttributeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Told by name: what it means elsewhere, else the nearest of a tensor's own methods."""
    name = said["name"].rstrip(".")
    if name in _METHODS or name.startswith("_"):
        return  # a torch tensor has it: this is another library's
    value = failure.operand("self")
    own = failure.name_of(value, "a tensor")
    code = code_of(failure, value, "x")
    holds = value is not None and value.tensor is not None
    shape = f" {value.tensor.size_text}" if value is not None and value.tensor is not None else ""
    yield Diagnosis(
        f"{own} is a tensor{shape}, and tensors have no `{name}`" if holds else f"tensors have no `{name}`",
        cures=tuple(_cures(name, code)),
        roots=made(value, f"{own} is made here", "value"),
    )


def _cures(name: str, code: str) -> Iterator[str]:
    if name in ("logits", "last_hidden_state", "pooler_output", "loss", "hidden_states"):
        yield f"`{code}` as it is: the model gives the tensor itself, and no object with fields"
    elif name in _TORCH:
        there = _TORCH[name]
        yield f"`{there.replace('[x,', f'[{code},')}`" if there.startswith("torch.") else f"`{code}.{there}`"
    elif near := difflib.get_close_matches(name, _METHODS, 1, 0.7):
        yield f"`.{near[0]}` instead of `.{name}`"
