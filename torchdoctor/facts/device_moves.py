"""Where modules are moved to, within one flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.torch_api.dtypes import device_of
from torchdoctor.facts.values import Const, Made, OneOf, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow


@dataclass(frozen=True, slots=True)
class Move:
    """``node`` moves a module to the GPU, or (not ``always``) to it where there is one."""

    node: cst.Call
    always: bool


def moved_to_gpu(flow: Flow) -> dict[Value, Move]:
    """The modules that are moved to a GPU, and nowhere else."""
    found: dict[Value, Move | None] = {}
    for node in list(flow.values):
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            continue
        name = node.func.attr.value
        model = unwrapped(flow.value(node.func.value))
        if name not in ("to", "cuda", "cpu", "to_empty") or not isinstance(model, Made) or flow.kind(model) != "module":
            continue
        move = Move(node, True) if name == "cuda" else _asked(flow, node)
        found[model] = move if model not in found else None
    return {model: move for model, move in found.items() if move is not None}


def _asked(flow: Flow, call: cst.Call) -> Move | None:
    given = flow.file.argument(call, 0, "device")
    device = flow.value(given) if given is not None else None
    if device is None:
        return None
    if device_of(device) == "cuda":
        return Move(call, True)
    return Move(call, False) if _may_be_gpu(device) else None


def _may_be_gpu(device: Value) -> bool:
    """`torch.device("cuda" if torch.cuda.is_available() else "cpu")`."""
    if isinstance(device, Made) and device.name == "torch.device" and device.args:
        return _may_be_gpu(device.args[0])
    if isinstance(device, OneOf):
        return any(_may_be_gpu(option) or device_of(option) == "cuda" for option in device.options)
    return isinstance(device, Const) and device_of(device) == "cuda"


def default_is_moved(file: File) -> bool:
    """Whether tensors may be made on a GPU without saying so."""
    if {"set_default_device", "set_default_tensor_type"} & file.mentions.keys():
        return True
    items = (item.item for with_ in file.nodes(cst.With) for item in with_.items)
    return any(not isinstance(item, cst.Call) or file.name(item.func) == "torch.device" for item in items)
