"""What autograd graphs hold: the tensors that each node has saved for the backward pass, by module.

Read as they lie in the nodes. What hooks stand before (checkpointing, offloading) is not unpacked: that would run them.
What a backward pass has already freed is gone, and counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from torchdoctor.memory_record import SavedRecord, in_blocks
from torchdoctor.probes.module import Modules, held
from torchdoctor.probes.plain import class_name, is_a, loaded, qualified, static
from torchdoctor.probes.tensor import is_plain

MOST_NODES = 100_000
_SCORES = ("SoftmaxBackward0", "SafeSoftmaxBackward0", "LogSoftmaxBackward0")
_PAIRS = 64


def node_of(tensor: Any) -> Any:
    """A tensor's grad_fn; None of a leaf, and where it does not tell."""
    try:
        return loaded("torch")._C.TensorBase.grad_fn.__get__(tensor)
    except Exception:
        return None


def storage_of(tensor: Any) -> tuple[int, int] | None:
    """A number for the memory that a tensor lies in, and its bytes, rounded as the allocator does."""
    torch = loaded("torch")
    try:
        with torch._C.DisableTorchFunction():
            storage = torch._C.TensorBase.untyped_storage(tensor)
            size = int(storage.nbytes())
            return int(storage.data_ptr()) or int(storage._cdata), in_blocks(size) if size else 0
    except Exception:  # sparse, fake, freed, or of another library
        return None


def device_of(tensor: Any) -> str:
    """The device as torch writes it, "cuda:0"; "" where it does not tell."""
    try:
        return str(loaded("torch")._C.TensorBase.device.__get__(tensor))
    except Exception:
        return ""


@lru_cache(maxsize=4096)
def _next_reader(kind: type) -> Any:
    return static(kind, "next_functions")


def next_of(node: Any) -> list[Any]:
    kind: Any = type(node)
    try:
        return [one for one, _ in _next_reader(kind).__get__(node) if one is not None]
    except Exception:
        return []


def nodes_below(roots: Iterable[Any], seen: set[Any] | None = None, most: int = MOST_NODES) -> Iterator[Any]:
    """The nodes that these lead to, themselves included, each once; none that ``seen`` holds, which they join."""
    met = set() if seen is None else seen
    waiting = [root for root in roots if root is not None]
    count = 0
    while waiting and count < most:
        node = waiting.pop()
        if node in met:
            continue
        met.add(node)
        count += 1
        yield node
        waiting += next_of(node)


@lru_cache(maxsize=4096)
def _slots(kind: type) -> tuple[Any, ...]:
    """What reads the slots of a kind of node, tensors as they were saved: of torch's own, and of Functions."""
    names = sorted(name for name in dir(kind) if name.startswith("_raw_saved_"))
    own = getattr(kind, "__module__", "") == "builtins"
    return tuple(static(kind, name) for name in names if own or name == "_raw_saved_tensors")


def saved_by(node: Any) -> Iterator[Any]:
    """The tensors that a node has saved, save those behind hooks."""
    kind: Any = type(node)
    for reader in _slots(kind):
        try:
            raw = reader.__get__(node)
        except Exception:  # no tensor stands there, or it is freed
            continue
        for one in raw if type(raw) in (tuple, list) else (raw,):
            yield from _unpacked(one)


def _unpacked(raw: Any) -> Iterator[Any]:
    try:
        tensor = None if raw.unpack_hook is not None else raw.data
    except Exception:
        return
    if tensor is not None and is_plain(tensor):
        yield tensor


def is_hooked(node: Any) -> bool:
    """Whether hooks stand before what a node has saved: a checkpoint, or an offload."""
    kind: Any = type(node)
    for reader in _slots(kind):
        try:
            if getattr(reader.__get__(node), "unpack_hook", None) is not None:
                return True
        except Exception:
            continue
    return False


# -- by module --------------------------------------------------------------------------------------------------------


@dataclass
class _Sum:
    bytes: int = 0
    count: int = 0
    batched: int = 0
    wide: int = 0
    scores: int = 0


@dataclass
class Saved:
    """Sums up saved tensors by the block of the model that they were saved in; each storage once."""

    modules: Modules
    device: str
    batch: int | None
    known: set[int]  # storages that are told elsewhere: parameters, inputs
    hooked: bool = False
    total: int = 0
    _sums: dict[tuple[str, str, int], _Sum] = field(default_factory=dict)

    def add(self, roots: Iterable[Any]) -> None:
        """Take in the graphs below these nodes."""
        nodes = list(nodes_below(roots))
        places = self._places(nodes)
        pairs = {
            shape for node in nodes if class_name(type(node)) in _SCORES for shape in _shapes(node) if _square(shape)
        }
        for node in nodes:
            self.hooked = self.hooked or is_hooked(node)
            for tensor in saved_by(node):
                self._take(tensor, places.get(node, ("", "", 1)), pairs)

    def records(self) -> tuple[SavedRecord, ...]:
        found = [
            SavedRecord(m, t, s.bytes, s.count, s.batched, s.wide, s.scores, r) for (m, t, r), s in self._sums.items()
        ]
        return tuple(sorted(found, key=lambda one: -one.bytes))

    def _take(self, tensor: Any, place: tuple[str, str, int], pairs: set[tuple[int, ...]]) -> None:
        storage = storage_of(tensor)
        if storage is None or storage[0] in self.known or device_of(tensor) != self.device:
            return
        self.known.add(storage[0])
        size = storage[1]
        shape = tuple(loaded("torch")._C.TensorBase.size(tensor))
        found = self._sums.setdefault(place, _Sum())
        found.bytes += size
        found.count += 1
        self.total += size
        if self.batch is not None and shape and (self.batch in shape or shape[0] % self.batch == 0):
            found.batched += size
        if str(loaded("torch")._C.TensorBase.dtype.__get__(tensor)) == "torch.float32":
            found.wide += size
        if _square(shape) and any(shape[-2:] == one[-2:] and _product(shape) == _product(one) for one in pairs):
            found.scores += size

    def _places(self, nodes: list[Any]) -> dict[Any, tuple[str, str, int]]:
        """The block of each node: that of its own parameters, else of what its input came from."""
        owners = self._owners()
        own = {node: name for node in nodes if (name := _module_of(node, owners)) is not None}
        found: dict[Any, str] = dict(own)
        for start in nodes:
            path: list[Any] = []
            node, met = start, set()
            while node not in found and node not in met:
                met.add(node)
                path.append(node)
                node = next((one for one in next_of(node) if class_name(type(one)) != "AccumulateGrad"), node)
            for one in path:
                found[one] = found.get(node, "")
        blocks = _Blocks(self.modules)
        return {node: blocks.of(name) for node, name in found.items()}

    def _owners(self) -> dict[int, str]:
        """The name of the module that holds each parameter."""
        found: dict[int, str] = {}
        for module, name in self.modules.all():
            for one in held(module, "_parameters").values():
                if one is not None:
                    found.setdefault(id(one), name)
        return found


class _Blocks:
    """Cuts a module's name down to the block that one would checkpoint: a member of a list of alike ones, or a child of
    the outermost module."""

    def __init__(self, modules: Modules) -> None:
        self._modules = {name: module for module, name in modules.all()}
        self._found: dict[str, tuple[str, str, int]] = {}

    def of(self, name: str) -> tuple[str, str, int]:
        if name not in self._found:
            self._found[name] = self._cut(name)
        return self._found[name]

    def _cut(self, name: str) -> tuple[str, str, int]:
        parts = name.split(".") if name else []
        prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
        for prefix in prefixes:
            module, above = self._modules.get(prefix), self._modules.get(prefix.rpartition(".")[0])
            if module is None or above is None or not held(module, "_modules"):
                continue
            siblings = held(above, "_modules").values()
            alike = sum(type(one) is type(module) for one in siblings)
            if alike > 1 and qualified(type(above)).startswith("torch.nn.modules.container."):
                return prefix, class_name(type(module)), alike
        below = [one for one in prefixes if one in self._modules]
        chosen = below[1] if len(below) > 1 else below[0] if below else name
        return chosen, class_name(type(self._modules[chosen])) if chosen in self._modules else "", 1


def _module_of(node: Any, owners: dict[int, str]) -> str | None:
    """The module whose parameters a node works with: directly, or through a transpose or a cast of them."""
    waiting, depth = next_of(node), 0
    while waiting and depth < 3:
        further: list[Any] = []
        for one in waiting:
            if class_name(type(one)) == "AccumulateGrad":
                name = owners.get(id(static(type(one), "variable").__get__(one)))
                if name is not None:
                    return name
            elif len(found := next_of(one)) == 1 and class_name(type(one)) in (
                "TBackward0",
                "ToCopyBackward0",
                "ViewBackward0",
            ):
                further += found
        waiting, depth = further, depth + 1
    return None


def _shapes(node: Any) -> list[tuple[int, ...]]:
    return [tuple(loaded("torch")._C.TensorBase.size(one)) for one in saved_by(node)]


def _square(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 3 and shape[-1] >= _PAIRS and shape[-2] >= _PAIRS


def _product(shape: tuple[int, ...]) -> int:
    found = 1
    for size in shape:
        found *= size
    return found


def commonest(sizes: Iterable[int]) -> int | None:
    """The size that most of these are; None where there is none."""
    counted = Counter(sizes).most_common(1)
    return counted[0][0] if counted else None


def is_tensor_on(value: object, device: str) -> bool:
    torch = loaded("torch")
    return torch is not None and is_a(value, vars(torch).get("Tensor")) and device_of(value) == device
