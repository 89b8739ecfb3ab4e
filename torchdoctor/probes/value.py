"""Any object to its record, within bounds, and without asking the object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torchdoctor.probes.environment import path_text
from torchdoctor.probes.flattened import flattened
from torchdoctor.probes.module import Modules, is_module
from torchdoctor.probes.plain import class_name, is_a, items, length, loaded, qualified
from torchdoctor.probes.tensor import is_tensor, record_of
from torchdoctor.record import TensorRecord, ValueRecord

_MOST_ITEMS = 64
_DEPTH = 3
_LONGEST_TEXT = 200


class Values:
    """Makes the records of one failure: the same object has the same number in all of them."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        # The objects are kept while the records are made: two that live at once have not the same id.
        self._numbers: dict[int, tuple[int, object]] = {}
        self.shadows: dict[int, tuple[Any, str]] = {}  # tensors without data that stand for others, and their devices

    def identity(self, value: object) -> int:
        """The number of an object. Small numbers, None and texts have none: they are the same without being it."""
        if type(value) in (int, float, bool, str, type(None), bytes):
            return 0
        return self._numbers.setdefault(id(value), (len(self._numbers) + 1, value))[0]

    def record(
        self, value: object, code: str = "", role: str = "", *, values: bool = False, depth: int = _DEPTH
    ) -> ValueRecord:
        """The record of a value. With ``values`` tensors are read, not only described."""
        tensor = record_of(value, values=values) if is_tensor(value) else _array(value)
        shadow = self.shadows.get(id(value))
        if shadow is not None and tensor is not None:
            tensor = replace(tensor, device=shadow[1], worked_out=True, version=None)
        if tensor is not None and tensor.grad_fn is not None:
            tensor = replace(tensor, flattened=flattened(value, tensor.shape))
        return ValueRecord(
            code=code,
            role=role,
            type=class_name(type(value)),
            identity=self.identity(value) if shadow is None else 0,
            text=_text(value),
            tensor=tensor,
            module=self.modules.record(value) if is_module(value) else None,
            items=self._items(value, code, values, depth) if tensor is None and depth > 0 else (),
            length=length(value),
            package=qualified(type(value)).partition(".")[0],
        )

    def _items(self, value: object, code: str, values: bool, depth: int) -> tuple[ValueRecord, ...]:
        keyed = is_a(value, dict)
        return tuple(
            self.record(item, f"{code}[{key!r}]" if keyed else f"{code}[{key}]", key, values=values, depth=depth - 1)
            for key, item in items(value, _MOST_ITEMS)
        )


def _text(value: object) -> str:
    """A plain value as it is written; "" for everything else."""
    kind: Any = type(value)
    if kind in (int, float, bool, type(None)):
        text = repr(value)
        return text if len(text) <= _LONGEST_TEXT else ""
    if kind is str:
        assert isinstance(value, str)
        return repr(value) if len(value) <= _LONGEST_TEXT else ""
    if path := path_text(value):
        return repr(path)
    torch = loaded("torch")
    if torch is not None and kind in (torch.dtype, torch.device):
        return str(value)
    return ""


def _array(value: object) -> TensorRecord | None:
    """A NumPy array is described in a tensor's terms: it is what tensors are made of."""
    numpy = loaded("numpy")
    if numpy is None or type(value) is not numpy.ndarray:
        return None
    array: Any = value
    strides = tuple(step // array.itemsize if array.itemsize else step for step in array.strides)
    return TensorRecord(
        shape=tuple(array.shape),
        dtype=str(array.dtype),
        strides=strides,
        contiguous=bool(array.flags.c_contiguous),
        kind="ndarray",
    )
