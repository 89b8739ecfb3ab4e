"""Which names of the user's keep tensors from step to step: containers that grow, running totals, and their graphs.

Asked once, when memory is refused: ``holders`` may look again and compare, here the source has to tell what outlives a
step. In exchange everything is gone through, each storage counts once, and the bytes are those of one device.

A list of the current step's own outputs is none: the name has to be carried into the turn of a loop that steps, or to
be an attribute that no method but the constructor sets anew.
"""

from __future__ import annotations

import ast
import time
import types
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from torchdoctor.memory_record import HeldRecord
from torchdoctor.probes.carried import carried_into
from torchdoctor.probes.frames import own_module
from torchdoctor.probes.growing_line import line_of
from torchdoctor.probes.module import held, is_module
from torchdoctor.probes.packages import package_of, users_file
from torchdoctor.probes.plain import class_name, instance_dict, is_a, loaded, locals_of
from torchdoctor.probes.saved import is_tensor_on, next_of, node_of, nodes_below, saved_by, storage_of
from torchdoctor.probes.source import Sources

_MOST_ITEMS = 500_000  # in all that is looked into
_LONGEST_S = 3.0
_CONTAINERS: tuple[Any, ...] = (list, tuple, dict, set, frozenset, deque)
_DEEPEST = 3
_MOST_NAMES = 2000
_LINKS_TRIED, _NODES_TRIED = 3, 5000  # of a chain of additions, and behind each term
_STEPS = frozenset({"backward", "step", "manual_backward"})


def kept(links: list[types.TracebackType], sources: Sources, device: str, known: set[int]) -> Iterator[HeldRecord]:
    """What names keep over steps, of 3 tensors or more. ``known`` are storages that count elsewhere (parameters)."""
    told: set[int] = set()
    look = _Look(device)
    for link in reversed(links):
        frame = link.tb_frame
        if package_of(frame.f_code.co_filename):
            continue
        sources.know(frame.f_code.co_filename, frame.f_globals)
        for name, value, home in _names(frame):
            record = look.record(name, value, known) if id(value) not in told else None
            path = home or frame.f_code.co_filename
            if record is None:
                continue
            sources.know(path, {})
            if _is_set_anew(sources, path, name) if home else not _is_carried(sources, link, name):
                continue
            told.add(id(value))
            function = "" if home or frame.f_code.co_name == "<module>" else frame.f_code.co_name
            line, _ = line_of(name, function, sources.lines(path))
            yield replace(record, path=path, line=line)


def _names(frame: types.FrameType) -> Iterator[tuple[str, Any, str]]:
    """Names and values of a frame, its own with ""; with the file that they belong to the globals that it reads, and
    the attributes of the modules and of the user's own objects that it names."""
    local, path = locals_of(frame), frame.f_code.co_filename
    names = {name: value for name, value in local.items() if not name.startswith("_")}
    globals_ = {name: frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals}
    yield from ((name, value, "") for name, value in names.items())
    yield from ((name, value, path) for name, value in globals_.items() if name not in local)
    for name, value in list({**globals_, **names}.items())[:_MOST_NAMES]:
        yield from _attributes(name, value, path)


def _attributes(name: str, value: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    members = [(name, value), *_below(name, value)] if is_module(value) else [(name, value)]
    for told, one in members:
        home = users_file(type(one))
        if home is None:
            continue
        for key, held_ in list(instance_dict(one).items())[:_MOST_NAMES]:
            if type(key) is str and not key.startswith("_"):
                yield f"{told}.{key}", held_, home or path


def _below(name: str, module: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    waiting = [(name, module)]
    while waiting and len(found) < _MOST_NAMES:
        told, one = waiting.pop()
        for key, child in held(one, "_modules").items():
            if child is not None:
                found.append((f"{told}.{key}", child))
                waiting.append((f"{told}.{key}", child))
    return found


class _Look:
    """Looks into values for tensors, as long as there is time: a program may hold millions of objects."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.left = _MOST_ITEMS
        self.until = time.monotonic() + _LONGEST_S
        self._found: dict[int, HeldRecord | None] = {}

    def record(self, name: str, value: Any, known: set[int]) -> HeldRecord | None:
        """The record of a container of tensors, or of a running total; None of everything else."""
        if id(value) not in self._found:
            late = time.monotonic() > self.until
            self._found[id(value)] = None if late else self._record(name, value, known)
        found = self._found[id(value)]  # the same object may go by another name
        return replace(found, name=name) if found is not None else None

    def _record(self, name: str, value: Any, known: set[int]) -> HeldRecord | None:
        if is_tensor_on(value, self.device):
            node = node_of(value)
            chain = chain_of(node)
            if chain < 3 and not _goes_over(node):
                return None
            record = _summed(name, [value], known, chain)
            return record if chain >= 3 else replace(record, role="carried")
        if not is_a(value, *_CONTAINERS):
            return None
        tensors = list(self._inside(value))
        return _summed(name, tensors, known, 0) if len(tensors) >= 3 and _are_of_steps(tensors) else None

    def _inside(self, value: Any) -> Iterator[Any]:
        waiting = [(value, 0)]
        while waiting:
            one, depth = waiting.pop()
            if is_tensor_on(one, self.device):
                yield one
            elif depth < _DEEPEST and is_a(one, *_CONTAINERS) and self.left > 0:
                items = _items(one, self.left)
                self.left -= len(items)
                waiting += [(item, depth + 1) for item in reversed(items)]


def _items(value: Any, most: int) -> list[Any]:
    for kind in _CONTAINERS:
        if is_a(value, kind):
            read: Any = dict.values if kind is dict else kind.__iter__
            return list(islice(read(value), most))
    return []


def _summed(name: str, tensors: list[Any], known: set[int], chain: int) -> HeldRecord:
    torch = loaded("torch")
    own = {key: size for one in tensors if (found := storage_of(one)) is not None for key, size in [found]}
    graph: dict[int, int] = {}
    for node in nodes_below([node_of(one) for one in tensors]):
        for saved in saved_by(node):
            found = storage_of(saved)
            if found is not None and found[0] not in known and found[0] not in own:
                graph[found[0]] = found[1]
    last = tensors[-1]
    node = node_of(last)
    return HeldRecord(
        name=name,
        bytes=sum(size for key, size in own.items() if key not in known),
        role="kept",
        shape=tuple(torch._C.TensorBase.size(last)),
        dtype=str(torch._C.TensorBase.dtype.__get__(last)).removeprefix("torch."),
        grad_fn=class_name(type(node)) if node is not None else None,
        graph=sum(graph.values()),
        count=len(tensors),
        chain=chain,
    )


def chain_of(node: Any, most: int = 1_000_000) -> int:
    """How many additions to a running total lie one behind the other.

    Where what is added was made of the total itself, `x = x + block(x)`, it is none: so a residual network computes.
    """
    length = 0
    while node is not None and class_name(type(node)) == "AddBackward0" and length < most:
        length += 1
        terms = list(next_of(node))
        total = next((one for one in terms if class_name(type(one)) == "AddBackward0"), None)
        if total is not None and length <= _LINKS_TRIED:
            others = [one for one in terms if one is not total]
            if any(one is total for one in nodes_below(others, most=_NODES_TRIED)):
                return 0
        node = total
    return length


def _are_of_steps(tensors: list[Any]) -> bool:
    """Whether most of the bytes are in tensors of one shape, as of what each step adds; weights are of many shapes."""
    sizes: dict[tuple[int, ...], int] = {}
    for one in tensors:
        shape = tuple(loaded("torch")._C.TensorBase.size(one))
        found = storage_of(one)
        sizes[shape] = sizes.get(shape, 0) + (found[1] if found is not None else 0)
    return max(sizes.values()) >= sum(sizes.values()) * 0.45


def _goes_over(node: Any) -> bool:
    """Whether a graph leads over the same parameter three times or more."""
    users: dict[Any, int] = {}
    for one in nodes_below([node], most=20_000):
        for leaf in next_of(one):
            if class_name(type(leaf)) == "AccumulateGrad":
                users[leaf] = users.get(leaf, 0) + 1
                if users[leaf] >= 3:
                    return True
    return False


# -- whether it outlives a step ---------------------------------------------------------------------------------------


def _is_carried(sources: Sources, link: types.TracebackType, name: str) -> bool:
    """Whether a loop that steps carries the name into its next turn."""
    path, line = link.tb_frame.f_code.co_filename, link.tb_lineno
    if link.tb_frame.f_code.co_varnames[:1] == ("self",) and own_module(link.tb_frame) is not None:
        return False  # the loops of a forward pass are within one step
    loops = [one for one in sources.around(path, line) if isinstance(one, (ast.For, ast.While, ast.AsyncFor))]
    stepping = [loop for loop in loops if _steps(loop)]
    if not stepping and loops:  # an evaluation: each turn of the outermost loop is a step of its own
        stepping = loops
    return any(name in carried_into(loop) for loop in stepping)


def _steps(loop: ast.stmt) -> bool:
    calls = (node.func for node in ast.walk(loop) if isinstance(node, ast.Call))
    return any(isinstance(one, ast.Attribute) and one.attr in _STEPS for one in calls)


def _is_set_anew(sources: Sources, path: str, name: str) -> bool:
    """Whether code other than a constructor or a module's top level gives the attribute or global a new value."""
    _, _, attribute = name.rpartition(".")
    try:
        tree = ast.parse("".join(sources.lines(path)))
    except (SyntaxError, ValueError, RecursionError):
        return True
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and function.name != "__init__":
            for node in ast.walk(function):
                targets = node.targets if isinstance(node, ast.Assign) else []
                if any(_is_name(target, name, attribute) for target in targets):
                    return True
                clears = (
                    isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "clear"
                )
                if clears and _is_name(node.func.value, name, attribute):  # type: ignore[attr-defined]
                    return True
    return False


def _is_name(node: ast.expr, name: str, attribute: str) -> bool:
    if isinstance(node, ast.Attribute):
        return "." in name and node.attr == attribute
    return isinstance(node, ast.Name) and node.id == name
