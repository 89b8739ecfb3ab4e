"""Who holds ever more memory: what the names of the user's code hold at one time, and what of it has grown since.

A look reads the names of the frames that led to the step, the globals of their modules, and the attributes of the
user's own objects among them, to a small depth and with a bound on objects and nodes. It keeps numbers only. A look
takes a millisecond in a program that goes on, and only what differs between looks is told; ``kept`` has one look, when
memory was refused, and takes its time.
"""

from __future__ import annotations

import collections
import contextlib
import linecache
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torchdoctor.probes import growing_line
from torchdoctor.probes.packages import package_of, users_file
from torchdoctor.probes.plain import class_name, instance_dict, is_a, locals_of, torch_class
from torchdoctor.probes.saved import node_of
from torchdoctor.step_record import HolderRecord

_OBJECTS, _NODES, _NODES_EACH = 4000, 40_000, 20_000
_DEEPEST = 4
_SAMPLED = 24  # elements of a long container that are weighed, from its end
_FRAMES = 12
_LEAST_BYTES = 64 << 10  # of growth, for what holds neither tensors nor graphs
_CONTAINERS = (list, tuple, dict, set, collections.deque)
_ALONE = frozenset({int, float, bool, str, bytes, complex, type(None)})  # hold nothing else


@dataclass(slots=True)
class Held:
    """What one name holds: how many elements, the bytes and the graph of its tensors."""

    kind: str
    function: str
    path: str
    count: int = 0
    bytes: int = 0
    nodes: int = 0
    tensors: bool = False
    graph: bool = False
    bounded: bool = False


@dataclass(slots=True)
class Look:
    """What was held after a step, by the names of the program."""

    step: int
    held: dict[str, Held] = field(default_factory=dict)


def look(frame: types.FrameType | None, step: int) -> Look:
    """What the code that led to this frame holds. Runs none of the program's own code, and keeps nothing of it."""
    found = _Looking(Look(step))
    with _without_modes():
        _read(found, frame)
    return found.look


def _without_modes() -> Any:
    """No function mode of the program is told of what we read."""
    without = torch_class("_C.DisableTorchFunction")
    return without() if without is not None else contextlib.nullcontext()


def _read(found: _Looking, frame: types.FrameType | None) -> None:
    for one in _frames(frame):
        own = not package_of(one.f_code.co_filename)
        where = "" if one.f_code.co_name == "<module>" else one.f_code.co_name
        place = one.f_code.co_filename if own else _script()
        names = locals_of(one)
        for name, value in names.items():
            if own or _is_users_module(value):
                found.name(name if own else class_name(type(value)), value, where, place)
        if own and where:
            for name, value in list(one.f_globals.items()):
                found.name(name, value, "", place)


def _script() -> str:
    """The program's own file: that of a class in it is not told, when it is met in a frame of a library's."""
    return str(vars(sys.modules["__main__"]).get("__file__") or "")


def _frames(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    count = 0
    while frame is not None and count < 4 * _FRAMES:
        if package_of(frame.f_code.co_filename) != "torchdoctor":
            yield frame
        frame, count = frame.f_back, count + 1


def _is_users_module(value: Any) -> bool:
    return is_a(value, torch_class("nn.Module")) and users_file(type(value)) is not None


class _Looking:
    """One look: what was seen already, and how much may still be looked at."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._seen: set[int] = set()
        self._objects, self._nodes = _OBJECTS, _NODES
        self._tensor, self._parameter = torch_class("Tensor"), torch_class("nn.Parameter")
        self._files: dict[type, str | None] = {}

    def name(self, name: str, value: Any, function: str, path: str) -> None:
        """One name of the program, and what it leads to."""
        if not name.startswith("__"):
            self._value(name, value, function, path, 0)

    def _file(self, value: Any) -> str | None:
        """Where the class of an object is written; None where not by the user: of such no attributes are looked at."""
        kind = type(value)
        if kind not in self._files:
            self._files[kind] = users_file(kind)
        return self._files[kind]

    def _value(self, name: str, value: Any, function: str, path: str, depth: int) -> None:
        if type(value) in _ALONE:
            return
        if self._objects <= 0 or depth > _DEEPEST or id(value) in self._seen:
            return
        if is_a(value, types.ModuleType, types.FunctionType, type, str, int, float):
            return
        self._objects -= 1
        self._seen.add(id(value))
        if is_a(value, self._tensor):
            self.look.held[name] = self._weigh(Held("Tensor", function, path), value)
        elif is_a(value, *_CONTAINERS):
            self._container(name, value, function, path, depth)
        elif self._file(value) is not None or depth == 0:
            own = self._file(value)
            path = own or path  # its attributes are fed by its own class's code
            for attribute, held in list(instance_dict(value).items()):
                if attribute == "_buffers" and type(held) is dict:
                    for buffer, tensor in list(held.items()):
                        self._value(f"{name}.{buffer}", tensor, function, path, depth + 1)
                elif attribute == "_modules" and type(held) is dict:
                    for child, module in list(held.items()):
                        if self._file(module) is not None:
                            self._value(f"{name}.{child}", module, function, path, depth + 1)
                elif attribute != "_parameters" and own is not None:
                    self._value(f"{name}.{attribute}", held, function, path, depth + 1)

    def _container(self, name: str, value: Any, function: str, path: str, depth: int) -> None:
        kind = next(one for one in _CONTAINERS if is_a(value, one))
        length = kind.__len__(value)
        held = Held(class_name(type(value)), function, path, count=length)
        held.bounded = kind is collections.deque and collections.deque.maxlen.__get__(value) is not None
        self.look.held[name] = held
        items = _last(value, kind, _SAMPLED)
        for key, item in items:
            self._objects -= 1
            if type(item) in _ALONE:
                held.bytes += 0 if held.tensors else sys.getsizeof(item)
            elif is_a(item, self._tensor):
                self._weigh(held, item)
            elif is_a(item, *_CONTAINERS) or self._file(item) is not None:
                if length <= _SAMPLED:
                    self._value(f"{name}[{key}]", item, function, path, depth + 1)
                else:
                    self._weigh_inside(held, item)
            elif not held.tensors:
                held.bytes += _size(item)
        if length > len(items) > 0:
            held.bytes = held.bytes * length // len(items)
            held.nodes = held.nodes * length // len(items)

    def _weigh_inside(self, held: Held, value: Any) -> None:
        """The tensors directly in an element of a long container."""
        kind = next((one for one in _CONTAINERS if is_a(value, one)), None)
        inside = _last(value, kind, 8) if kind is not None else list(instance_dict(value).items())[:8]
        for _, item in inside:
            if is_a(item, self._tensor):
                self._weigh(held, item)
            elif not held.tensors:
                held.bytes += _size(item)

    def _weigh(self, held: Held, tensor: Any) -> Held:
        """Add a tensor's bytes and the nodes of its graph."""
        held.count = max(held.count, 1)
        if type(tensor) not in (self._tensor, self._parameter):
            return held  # reading the attributes of a subclass runs its code
        if not held.tensors:
            held.tensors, held.bytes = True, 0
        try:
            held.bytes += int(tensor.untyped_storage().nbytes())
        except Exception:  # of a sparse or a fake one there is no storage
            held.bytes += 0
        node = node_of(tensor)
        if node is not None:
            held.graph = True
            held.nodes += self._count(node)
        return held

    def _count(self, node: Any) -> int:
        """The nodes behind this one, each once: twice as fast as ``saved.nodes_below``, for a program that goes on."""
        most = min(self._nodes, _NODES_EACH)
        kept, seen, waiting = [node], {id(node)}, [node]  # kept: of a node that is dropped another may get the address
        while waiting and len(kept) < most:
            for following, _ in waiting.pop().next_functions:
                if following is not None and id(following) not in seen:
                    seen.add(id(following))
                    kept.append(following)
                    waiting.append(following)
        self._nodes -= len(kept)
        return len(kept)


def _last(value: Any, kind: Any, most: int) -> list[tuple[str, Any]]:
    """The last elements of a container, with their index or key as it is written."""
    length = kind.__len__(value)
    if kind is dict:
        pairs = [(key, dict.__getitem__(value, key)) for key in list(dict.__iter__(value))[-most:]]
        return [(repr(key) if type(key) in (str, int) else "...", item) for key, item in pairs]
    if kind is set:
        return [("...", item) for item in list(set.__iter__(value))[:most]]
    return [(str(index), kind.__getitem__(value, index)) for index in range(max(length - most, 0), length)]


def _size(value: Any) -> int:
    """The size of an object by itself: of an array its data too."""
    try:
        size = sys.getsizeof(value)
        nbytes = getattr(value, "nbytes", 0) if type(value).__module__ == "numpy" else 0
        return max(int(size), int(nbytes))
    except Exception:
        return 0


# -- what has grown ----------------------------------------------------------------------------------------------------


def grown(looks: list[Look]) -> list[HolderRecord]:
    """The names that held more at each look than at the one before, the heaviest first."""
    first, middle, last = looks
    found = []
    for name, after in last.held.items():
        before, between = first.held.get(name), middle.held.get(name)
        if before is None or between is None or after.bounded or not _more(before, between, after):
            continue
        line, text = growing_line.line_of(name, after.function, linecache.getlines(after.path))
        found.append(
            HolderRecord(
                name=name,
                kind=after.kind,
                function=after.function,
                path=after.path,
                line=line,
                text=text,
                number=last.step,
                steps=last.step - first.step,
                first=before.count,
                last=after.count,
                first_bytes=before.bytes,
                last_bytes=after.bytes,
                first_nodes=before.nodes,
                last_nodes=after.nodes,
                tensors=after.tensors,
                graph=after.graph,
            )
        )
    weight = {
        one.name: (one.graph, one.last_bytes - one.first_bytes, one.last_nodes - one.first_nodes) for one in found
    }
    return sorted(found, key=lambda one: weight[one.name], reverse=True)[:8]


def _more(before: Held, between: Held, after: Held) -> bool:
    """Whether it grew both times, in a way that takes memory: numbers in a list of floats are none."""
    counts = before.count < between.count < after.count
    sizes = before.bytes < between.bytes < after.bytes
    nodes = before.nodes < between.nodes < after.nodes
    if after.tensors:
        return (counts and sizes) or nodes or (sizes and after.kind == "Tensor")
    return counts and after.bytes - before.bytes >= _LEAST_BYTES
