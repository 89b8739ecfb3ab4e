"""A tensor to its record: its metadata, and of its values only what is cheap and safe to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchdoctor.probes.plain import class_name, is_a, loaded
from torchdoctor.record import TensorRecord

_LARGEST = 4_000_000  # elements whose values are read: some milliseconds
_WHOLE = 100_000


def is_tensor(value: object) -> bool:
    torch = loaded("torch")
    return torch is not None and is_a(value, vars(torch).get("Tensor"))


def is_plain(value: object) -> bool:
    """A tensor of torch's own classes: what is done to it runs no user code."""
    torch = loaded("torch")
    return torch is not None and any(type(value) is kind for kind in (torch.Tensor, torch.nn.Parameter))


def record_of(tensor: Any, *, values: bool = False) -> TensorRecord:
    """The record of a tensor. With ``values`` its extremes are read, where it is on CPU and not too big.

    Never raises: what a broken, fake, uninitialised or foreign tensor does not tell is left out.
    """
    torch = loaded("torch")
    with torch._C.DisableTorchFunction():
        read = _reader(torch, tensor)
        layout = str(read("layout")).removeprefix("torch.")
        shape = None if _is_lazy(torch, tensor) else _sizes(read("shape"))
        strided = layout == "strided"
        record: dict[str, Any] = {
            "shape": shape,
            "dtype": str(read("dtype")).removeprefix("torch."),
            "device": str(read("device")),
            "strides": _sizes(read("stride", call=True)) if strided else None,
            "contiguous": _flag(read("is_contiguous", call=True)) if strided else None,
            "requires_grad": bool(_flag(read("requires_grad"))),
            "leaf": _flag(read("is_leaf")) is not False,
            "grad_fn": _node_name(read("grad_fn")),
            "version": _version(read),
            "kind": class_name(type(tensor)),
            "layout": layout,
            "inference": bool(_flag(read("is_inference", call=True))),
            "has_grad": _has_grad(read),
        }
        if values:
            record.update(_values(torch, tensor, record))
    return TensorRecord(**record)


def _is_lazy(torch: Any, tensor: Any) -> bool:
    """A lazy layer's parameter before its first input: the size that it tells is none."""
    return is_a(tensor, vars(torch.nn.parameter).get("UninitializedTensorMixin"))


def _reader(torch: Any, tensor: Any) -> Callable[..., Any]:
    """Reads through torch's own descriptors: a subclass's properties are user code."""
    base = torch._C.TensorBase

    def read(name: str, call: bool = False) -> Any:
        try:
            found = vars(base)[name]
            return found(tensor) if call else found.__get__(tensor)
        except Exception:
            return None

    return read


def _sizes(value: Any) -> tuple[int, ...] | None:
    try:
        return tuple(int(size) for size in value) if value is not None else None
    except Exception:  # sizes that are symbols
        return None


def _flag(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _version(read: Callable[..., Any]) -> int | None:
    found = read("_version")
    return found if type(found) is int else None


def _node_name(node: Any) -> str | None:
    return None if node is None else class_name(type(node))


def _has_grad(read: Callable[..., Any]) -> bool | None:
    """Only of a leaf: reading another tensor's gradient warns."""
    if _flag(read("is_leaf")) is not True or not _flag(read("requires_grad")):
        return None
    return read("grad") is not None


def _values(torch: Any, tensor: Any, record: dict[str, Any]) -> dict[str, Any]:
    shape = record["shape"]
    readable = is_plain(tensor) and record["device"] == "cpu" and record["layout"] == "strided" and shape is not None
    numel = 1
    for size in shape or ():
        numel *= size
    if not readable or not 0 < numel <= _LARGEST or record["dtype"].startswith(("complex", "q")):
        return {}
    try:
        with torch.no_grad(), torch.utils._python_dispatch._disable_current_modes():
            return _extremes(torch, tensor.detach(), record["dtype"], numel)
    except Exception:
        return {}


def _extremes(torch: Any, tensor: Any, dtype: str, numel: int) -> dict[str, Any]:
    if dtype == "bool":
        return {"least": float(tensor.all().item()), "most": float(tensor.any().item())}
    if not dtype.startswith(("float", "bfloat")):
        least, most = torch.aminmax(tensor)
        return {"least": int(least.item()), "most": int(most.item())}
    wide = tensor.float() if dtype not in ("float32", "float64") else tensor
    nans = int(torch.isnan(wide).sum().item())
    if nans:
        return {"nans": nans}
    least, most = torch.aminmax(wide)
    whole = bool((wide == wide.round()).all().item()) if numel <= _WHOLE else None
    return {"nans": 0, "least": float(least.item()), "most": float(most.item()), "whole": whole}
