"""Whose bytes a device's are: parameters, gradients, the optimizer's state, inputs, what graphs have saved, the rest.

Each storage counts once, for the first that claims it. Looked at are the modules, optimizers and names within the
frames' reach, and then every tensor that Python still knows. No tensor is touched, and none is held on to.
"""

from __future__ import annotations

import dis
import gc
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torchdoctor.memory_record import HeldRecord, SavedRecord
from torchdoctor.probes.kept import kept
from torchdoctor.probes.module import Modules, held
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import class_name, instance_dict, is_a, loaded, locals_of, torch_class
from torchdoctor.probes.reach import Named
from torchdoctor.probes.saved import Saved, commonest, is_tensor_on, node_of, storage_of
from torchdoctor.probes.source import Sources
from torchdoctor.probes.tensor import is_tensor

_SHOWN = 12
_MOST_OBJECTS = 5_000_000


@dataclass
class Holdings:
    """The bytes and the number of tensors of each part, and what the largest of them are."""

    bytes: dict[str, int] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    saved: tuple[SavedRecord, ...] = ()
    held: tuple[HeldRecord, ...] = ()
    batch: int | None = None
    hooked: bool = False


def holdings(
    device: str,
    links: list[types.TracebackType],
    names: list[Named],
    modules: Modules,
    sources: Sources,
    loader_batch: int | None,
) -> Holdings:
    """Who holds what on a device."""
    return _Count(device, modules).all(links, names, sources, loader_batch)


class _Count:
    def __init__(self, device: str, modules: Modules) -> None:
        self.device, self.modules = device, modules
        self.known: set[int] = set()
        self.found = Holdings()
        self.later: frozenset[str] | None = None

    def all(
        self, links: list[types.TracebackType], names: list[Named], sources: Sources, loader_batch: int | None
    ) -> Holdings:
        everything = list(_objects())
        self._parameters(everything)
        self._state(names, everything)
        weights = set(self.known)
        seen = [(name, value) for name, value, _ in names if is_tensor_on(value, self.device)]
        inputs = [(name, value) for name, value in seen if node_of(value) is None and not _learns(value)]
        first = [sizes[0] for _, value in inputs if len(sizes := _sizes(value)) > 1]
        self.found.batch = loader_batch if loader_batch in first else commonest(size for size in first if size > 1)
        lasting = list(kept(links, sources, self.device, weights))
        self.later = _read_later(links)
        for name, value in inputs:
            if self._take("inputs", value):
                self._show(name, value, "input")
        saved = Saved(self.modules, self.device, self.found.batch, self.known)
        saved.add(node_of(value) for value in (*_in_frames(links), *everything) if is_tensor_on(value, self.device))
        self.found.bytes["saved activations"] = saved.total
        self.found.saved, self.found.hooked = saved.records(), saved.hooked
        self.found.count["saved activations"] = sum(one.count for one in self.found.saved)
        for name, value in seen:
            if self._take("other tensors", value):
                self._show(name, value, "other")
        for value in everything:
            if is_tensor_on(value, self.device):
                self._take("other tensors", value)
        told = {one.name for one in lasting}
        single = [one for one in self.found.held if one.name not in told]
        ordered = sorted((*single, *lasting), key=lambda one: -(one.bytes + one.graph))
        self.found.held = tuple(ordered[:_SHOWN])
        return self.found

    def _parameters(self, everything: list[Any]) -> None:
        """Those of the modules that are named, and of all that are there at all; their gradients with them."""
        parameter = torch_class("nn.Parameter")
        named = [one for module, _ in self.modules.all() for one in _members(module)]
        loose = [one for one in everything if is_a(one, parameter)]
        whole = list({id(one): one for one in (*named, *loose) if is_tensor_on(one, self.device)}.values())
        for one in whole:
            self._take("parameters", one)
        for one in whole:
            gradient = _gradient(one)
            if gradient is not None and is_tensor_on(gradient, self.device):
                self._take("gradients", gradient)

    def _state(self, names: list[Named], everything: list[Any]) -> None:
        kind = torch_class("optim.Optimizer")
        found = [value for _, value, _ in names if is_a(value, kind)] + [one for one in everything if is_a(one, kind)]
        for optimizer in {id(one): one for one in found}.values():
            state: Any = instance_dict(optimizer).get("state")
            for entry in list(dict.values(state)) if is_a(state, dict) else []:
                for value in dict.values(entry) if is_a(entry, dict) else ():
                    if is_tensor_on(value, self.device):
                        self._take("optimizer state", value)

    def _take(self, kind: str, tensor: Any) -> bool:
        """Count a tensor's storage under this part, where nothing has claimed it before."""
        storage = storage_of(tensor)
        if storage is None or storage[0] in self.known or not storage[1]:
            return False
        self.known.add(storage[0])
        self.found.bytes[kind] = self.found.bytes.get(kind, 0) + storage[1]
        self.found.count[kind] = self.found.count.get(kind, 0) + 1
        return True

    def _show(self, name: str, tensor: Any, role: str) -> None:
        torch, storage, node = loaded("torch"), storage_of(tensor), node_of(tensor)
        dtype = str(torch._C.TensorBase.dtype.__get__(tensor)).removeprefix("torch.")
        record = HeldRecord(
            name=name,
            bytes=storage[1] if storage is not None else 0,
            role=role,
            shape=_sizes(tensor),
            dtype=dtype,
            grad_fn=class_name(type(node)) if node is not None else None,
            done=self.later is not None and name not in self.later,
        )
        self.found.held = (*self.found.held, record)


def _objects() -> Iterator[Any]:
    """Every tensor and optimizer that Python knows of."""
    kinds: dict[type, bool] = {}
    optimizer = torch_class("optim.Optimizer")
    for index, value in enumerate(gc.get_objects()):
        if index > _MOST_OBJECTS:
            return
        kind: Any = type(value)
        wanted = kinds.get(kind)
        if wanted is None:
            wanted = kinds[kind] = is_tensor(value) or is_a(value, optimizer)
        if wanted:
            yield value


def _read_later(links: list[types.TracebackType]) -> frozenset[str] | None:
    """The names that the user's innermost function still reads, and those that are not its own; None of no function."""
    users = [link for link in links if not package_of(link.tb_frame.f_code.co_filename)]
    if not users:
        return None
    frame, at = users[-1].tb_frame, users[-1].tb_lasti
    own = set(locals_of(frame))
    after = (one for one in dis.get_instructions(frame.f_code) if one.offset > at)
    reads = {str(one.argval) for one in after if one.opname.startswith("LOAD")}
    others = {name for link in users[:-1] for name in locals_of(link.tb_frame)}
    return frozenset(reads | (others - own))


def _in_frames(links: list[types.TracebackType]) -> Iterator[Any]:
    """The tensors that the frames of torch's own name: what a layer was given, and no name of the user's holds."""
    for link in links:
        if package_of(link.tb_frame.f_code.co_filename):
            yield from locals_of(link.tb_frame).values()


def _members(module: object) -> Iterable[Any]:
    return [one for kind in ("_parameters", "_buffers") for one in held(module, kind).values() if one is not None]


def _gradient(tensor: Any) -> Any:
    try:
        base = loaded("torch")._C.TensorBase
        return base.grad.__get__(tensor) if base.is_leaf.__get__(tensor) else None
    except Exception:
        return None


def _learns(tensor: Any) -> bool:
    try:
        return bool(loaded("torch")._C.TensorBase.requires_grad.__get__(tensor))
    except Exception:
        return False


def _sizes(tensor: Any) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in loaded("torch")._C.TensorBase.size(tensor))
    except Exception:
        return ()
