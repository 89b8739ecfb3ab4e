"""Attributes and items of objects where they lie: what would run code to be found is Unknown."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from torchdoctor.probes.module import held, is_module
from torchdoctor.probes.plain import MISSING, class_dict, instance_dict, is_a, loaded, static
from torchdoctor.probes.tensor import is_plain, is_tensor

_TENSOR_FACTS = frozenset({
    "shape", "dtype", "device", "ndim", "requires_grad", "is_leaf", "grad", "grad_fn", "data", "is_cuda", "layout",
})  # fmt: skip
_TENSOR_VIEWS = frozenset({"T", "mT", "H", "real"})
PLAIN = (int, float, bool, str, bytes, type(None), complex)


class Unknown(Exception):
    """The value cannot be had without running code."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method found on a value, not bound to it: ``name`` as it was written."""

    owner: Any
    name: str
    function: Any


def is_size(value: object) -> bool:
    torch = loaded("torch")
    return torch is not None and type(value) is torch.Size


def attribute(value: Any, name: str) -> Any:
    """The attribute of a value where it lies. Raises Unknown."""
    if type(value) is Method:
        raise Unknown
    if is_a(value, types.ModuleType):
        found = types.ModuleType.__getattribute__(value, "__dict__").get(name, MISSING)
    elif is_tensor(value):
        found = _of_tensor(value, name)
    elif is_a(value, type):
        found = _plain_static(static(value, name))
    else:
        found = _of_instance(value, name)
    if found is MISSING:
        raise Unknown
    return found


def _of_tensor(value: Any, name: str) -> Any:
    torch = loaded("torch")
    found = static(type(value), name)
    if not is_plain(value):
        return _of_foreign_tensor(value, name, found)
    if name in _TENSOR_FACTS | _TENSOR_VIEWS:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            if name == "grad" and not torch._C.TensorBase.is_leaf.__get__(value):
                return MISSING
            return torch._C.TensorBase.__dict__[name].__get__(value)
    if found is MISSING:
        return instance_dict(value).get(name, MISSING)
    return Method(value, name, found)


def _of_foreign_tensor(value: Any, name: str, found: Any) -> Any:
    """Of a subclass of Tensor: its methods, and what torch's own descriptors tell."""
    base = loaded("torch")._C.TensorBase
    if found is vars(base).get(name) and name in _TENSOR_FACTS - {"grad", "data"}:
        with loaded("torch")._C.DisableTorchFunction():
            return found.__get__(value)
    return Method(value, name, found) if type(found) in (types.MethodDescriptorType, types.FunctionType) else MISSING


def _of_instance(value: Any, name: str) -> Any:
    found = static(type(value), name)
    if type(found) is types.MemberDescriptorType or type(found).__name__ == "_tuplegetter":
        return found.__get__(value)
    if _odd_lookup(value):
        raise Unknown
    if type(found) is property or _is_data_descriptor(found):
        raise Unknown
    own = instance_dict(value).get(name, MISSING)
    if own is not MISSING:
        return own
    if found is not MISSING:
        return Method(value, name, found) if callable(found) else _plain_static(found)
    if is_module(value):
        for kind in ("_parameters", "_buffers", "_modules"):
            if (entry := held(value, kind).get(name, MISSING)) is not MISSING:
                return entry
    return MISSING


def _odd_lookup(value: object) -> bool:
    """Whether a class looks attributes up in a way of its own."""
    lookup = static(type(value), "__getattribute__")
    return lookup not in (object.__dict__["__getattribute__"], dict.__dict__["__getattribute__"],
                          tuple.__dict__["__getattribute__"], list.__dict__["__getattribute__"])  # fmt: skip


def _is_data_descriptor(found: object) -> bool:
    return found is not MISSING and static(type(found), "__set__") is not MISSING


def _plain_static(found: Any) -> Any:
    """What lies in a class, where reading it through the class gives just that."""
    if type(found) is staticmethod:
        return found.__func__
    if type(found) in (classmethod, property):
        raise Unknown
    if found is MISSING or type(found) in (types.FunctionType, type, *PLAIN, tuple, list, dict):
        return found
    if static(type(found), "__get__") is not MISSING:
        raise Unknown
    return found


def item(value: Any, index: Any) -> Any:
    """``value[index]`` for builtin containers, lists of modules, and views of plain tensors. Raises Unknown."""
    if is_plain(value):
        return _part(value, index)
    if is_module(value):
        return _module_item(value, index)
    for kind in (list, tuple, dict, str, range):
        if is_a(value, kind) and static(type(value), "__getitem__") is vars(kind)["__getitem__"]:
            plain = type(index) in PLAIN or type(index) is slice
            if not plain:
                raise Unknown
            return kind.__getitem__(value, index)
    if is_size(value) and type(index) in (int, slice):
        return value[index]
    raise Unknown


def _module_item(value: Any, index: Any) -> Any:
    torch = loaded("torch")
    entries = held(value, "_modules")
    known = (torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict)
    if not any(static(type(value), "__getitem__") is class_dict(kind)["__getitem__"] for kind in known):
        raise Unknown
    if type(index) is str:
        return entries[index]
    if type(index) is int:
        return list(entries.values())[index]
    raise Unknown


def _part(tensor: Any, index: Any) -> Any:
    """A view of a tensor by numbers and slices: nothing is copied, and no value is read."""
    torch = loaded("torch")
    parts = index if type(index) is tuple else (index,)
    if not all(type(part) in (int, slice, type(None), type(Ellipsis)) for part in parts):
        raise Unknown
    with torch._C.DisableTorchFunction(), torch.no_grad(), torch.utils._python_dispatch._disable_current_modes():
        return torch._C.TensorBase.__getitem__(tensor, index)
