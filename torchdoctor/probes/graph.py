"""A post mortem of the autograd graph: what was written over, or which tensor keeps a graph that is gone.

Without anomaly mode, from what is still in reach: the graph hangs on the tensors that the frames name. Only after these
two errors is it walked; saved tensors are touched (which fails where they are spoilt), and where hooks may stand behind
them (checkpointing, offloading) they are not, for touching would run them.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from torchdoctor.probes.carried import carried
from torchdoctor.probes.module import Modules, held
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import class_name, instance_dict, is_a, loaded, locals_of, static, torch_class
from torchdoctor.probes.reach import Named
from torchdoctor.probes.source import Sources
from torchdoctor.probes.tensor import is_plain
from torchdoctor.record import GraphRecord

_CHANGED = re.compile(
    r"modified by an inplace operation: \[[\w.]+ \[(?P<sizes>[\d, ]*)\]\]"
    r"(?:, which is output \d+ of (?P<node>[\w:]+))?, is at version (?P<found>\d+); expected version (?P<expected>\d+)"
)
_FREED = "Trying to backward through the graph a second time"
_HOOKED = re.compile(r"\bcheckpoint(?:_sequential)?\(|saved_tensors_hooks|save_on_cpu")
_INPUTS = frozenset({"mat1", "input"})  # what a layer has saved of its input, not of its weights
_MOST_NODES = 10_000
_MOST_NAMES = 4


def post_mortem(
    message: str, links: list[types.TracebackType], names: list[Named], modules: Modules, sources: Sources
) -> tuple[GraphRecord, ...]:
    """The records of what is wrong with the graph; none for other errors, or where nothing can be told."""
    changed = _CHANGED.search(message)
    if changed is None and _FREED not in message:
        return ()
    own = [(name, value) for name, value, _ in names if is_plain(value)]
    paths = _paths(links, modules)
    if changed is None:
        return (_freed(links, own, modules, sources, paths),)
    optimizers = [(name, value) for name, value, _ in names if is_a(value, torch_class("optim.Optimizer"))]
    return (_changed(changed, links, own, optimizers, modules, sources, paths),)


# -- the graph --------------------------------------------------------------------------------------------------------


def _node(tensor: Any) -> Any:
    try:
        return loaded("torch")._C.TensorBase.grad_fn.__get__(tensor)
    except Exception:
        return None


def _nodes(roots: list[Any]) -> list[tuple[Any, Any]]:
    """The nodes below these, each once, with one node that needs it (None for a root)."""
    waiting: list[tuple[Any, Any]] = [(root, None) for root in roots if root is not None]
    found: list[tuple[Any, Any]] = []
    seen: set[Any] = set()
    while waiting and len(found) < _MOST_NODES:
        node, above = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.append((node, above))
        waiting += [(one, node) for one in _next(node)]
    return found


def _next(node: Any) -> list[Any]:
    reader: Any = static(type(node), "next_functions")
    try:
        return [one for one, _ in reader.__get__(node)]
    except Exception:
        return []


def _roots(links: list[types.TracebackType]) -> list[Any]:
    """What backward was asked for: the tensors that torch's own frames were given."""
    found: list[Any] = []
    for link in links:
        frame = link.tb_frame
        if package_of(frame.f_code.co_filename) == "torch":
            for name in ("self", "tensors", "outputs", "t_outputs"):
                value: Any = locals_of(frame).get(name)
                found += [one for one in (value if type(value) in (tuple, list) else (value,)) if is_plain(one)]
    return found


@lru_cache(maxsize=512)
def _slots(kind: type) -> tuple[str, ...]:
    if getattr(kind, "__module__", "") != "builtins":  # a Function of the user's own: its attributes are user code
        return ()
    return tuple(name for name in dir(kind) if name.startswith("_saved_"))


def _spoilt(nodes: list[tuple[Any, Any]], said: str) -> tuple[str, str]:
    """The node whose saved tensor is not what it was, and the slot that it is saved in.

    One write spoils what several nodes have saved: the one that says what was ``said`` is meant, before all others.
    """
    others = []
    for node, _ in nodes:
        kind: Any = type(node)
        for slot in _slots(kind):
            try:
                static(kind, slot).__get__(node)
            except Exception as error:
                text = BaseException.__str__(error)
                if said in text:
                    return class_name(kind), slot.removeprefix("_saved_")
                if "modified by an inplace operation" in text:
                    others.append((class_name(kind), slot.removeprefix("_saved_")))
    return others[0] if others else ("", "")


def _is_hooked(paths: tuple[str, ...], sources: Sources, modules: Modules) -> bool:
    texts = ("".join(sources.lines(path)) for path in paths)
    return any(_HOOKED.search(text) for text in texts) or any(
        instance_dict(module).get("gradient_checkpointing") is True for module, _ in modules.all()
    )


def _paths(links: list[types.TracebackType], modules: Modules) -> tuple[str, ...]:
    """The user's files in which the graph may have been made: those of the frames, and of the modules' classes."""
    frames = [link.tb_frame.f_code.co_filename for link in reversed(links)]
    return tuple(dict.fromkeys(path for path in (*frames, *modules.files()) if path and not package_of(path)))


# -- what was written over --------------------------------------------------------------------------------------------


def _changed(
    said: re.Match[str],
    links: list[types.TracebackType],
    own: list[tuple[str, Any]],
    optimizers: list[tuple[str, Any]],
    modules: Modules,
    sources: Sources,
    paths: tuple[str, ...],
) -> GraphRecord:
    sizes = tuple(int(size) for size in re.findall(r"\d+", said["sizes"]))
    found, expected = int(said["found"]), int(said["expected"])
    for path in paths:
        sources.know(path, {})
    nodes = _nodes([_node(tensor) for tensor in _roots(links)])
    holder, slot = ("", "") if _is_hooked(paths, sources, modules) else _spoilt(nodes, said[0])
    parameters = list(_parameters(modules, sizes, found)) if slot not in _INPUTS else []
    tensors = [(name, one) for name, one in own if _sizes(one) == sizes and _version(one) == found]
    maker = (said["node"] or "").rpartition(":")[2]
    writers = {_plain_name(_node(one)) for _, one in tensors} or {
        _plain_name(above) for node, above in nodes if _plain_name(node) == _stem(maker) and above is not None
    }
    return GraphRecord(
        kind="changed",
        node=holder,
        saved=slot,
        names=tuple(dict.fromkeys([*(name for name, _ in parameters), *(name for name, _ in tensors)]))[:_MOST_NAMES],
        expected=expected,
        found=found,
        maker=_stem(maker),
        writers=tuple(sorted(writers - {""})),
        parameter=bool(parameters),
        optimizers=tuple(dict.fromkeys(name for name, one in optimizers if _holds(one, [p for _, p in parameters]))),
        paths=paths,
    )


def _parameters(modules: Modules, sizes: tuple[int, ...], version: int) -> Iterator[tuple[str, Any]]:
    """The parameters in reach that are of that version, and of those sizes (or transposed: a Linear saves them so)."""
    for module, name in modules.all():
        for key, one in held(module, "_parameters").items():
            if is_plain(one) and _version(one) == version and _sizes(one) in (sizes, sizes[::-1]):
                yield (f"{name}.{key}" if name else key), one


def _holds(optimizer: Any, parameters: list[Any]) -> bool:
    groups = instance_dict(optimizer).get("param_groups")
    held = [group.get("params") for group in groups if type(group) is dict] if type(groups) is list else []
    moved = [one for some in held if type(some) is list for one in some]
    return any(one is parameter for one in moved for parameter in parameters)


def _sizes(tensor: Any) -> tuple[int, ...]:
    return tuple(loaded("torch")._C.TensorBase.size(tensor))


def _version(tensor: Any) -> int:
    try:
        return int(loaded("torch")._C.TensorBase._version.__get__(tensor))
    except Exception:  # an inference tensor keeps none
        return -1


def _stem(name: str) -> str:
    return re.sub(r"Backward\d*$", "", name)


def _plain_name(node: Any) -> str:
    return "" if node is None else _stem(class_name(type(node)))


# -- what keeps a graph that is gone ----------------------------------------------------------------------------------


def _freed(
    links: list[types.TracebackType],
    own: list[tuple[str, Any]],
    modules: Modules,
    sources: Sources,
    paths: tuple[str, ...],
) -> GraphRecord:
    roots = _roots(links)
    below = {node for node, _ in _nodes([_node(tensor) for tensor in roots])}
    users = [link for link in links if not package_of(link.tb_frame.f_code.co_filename)]
    kept = carried(sources, users[-1]) if users else frozenset()
    names = [
        name
        for name, one in own
        if (name in kept or name.startswith("self."))
        and (name in kept or not any(one is root for root in roots))
        and _node(one) is not None
        and _shares(_node(one), below)
    ]
    again = [name for name, one in own if any(one is root for root in roots)]
    hooked = _is_hooked(paths, sources, modules)
    shared, spent = ((), "") if names else _common(own, roots, below, hooked)
    names = list(dict.fromkeys(names))[:_MOST_NAMES]
    return GraphRecord("freed", names=tuple(names), roots=tuple(again), shared=shared, spent=spent, paths=paths)


def _common(own: list[tuple[str, Any]], roots: list[Any], below: set[Any], hooked: bool) -> tuple[tuple[str, ...], str]:
    """What a graph has in common with that of another number (a second loss): the tensors, and that number's name."""
    others = [
        (name, {node for node, _ in _nodes([_node(one)])})
        for name, one in own
        if _sizes(one) == () and _node(one) is not None and _node(one) not in below
    ]
    for spent, graph in others:
        if not hooked and not _is_gone(graph - below):
            continue
        both = [
            (name, _node(one))
            for name, one in own
            if _node(one) in graph and _node(one) in below and not any(one is root for root in roots)
        ]
        # the nearest to the losses: what lies below another one of them needs no cut of its own
        top = [
            name
            for name, node in both
            if not any(other is not node and node in {n for n, _ in _nodes([other])} for _, other in both)
        ]
        if top:
            return tuple(dict.fromkeys(top))[:_MOST_NAMES], spent
    return (), ""


def _is_gone(nodes: set[Any]) -> bool:
    """Whether a backward has freed what these nodes had saved; True where they save nothing."""
    kinds: list[tuple[Any, Any]] = [(node, type(node)) for node in nodes]
    answers = [gone for node, kind in kinds for slot in _slots(kind) if (gone := _gone(node, slot)) is not None]
    return any(answers) or not answers


def _gone(node: Any, slot: str) -> bool | None:
    """Whether what stands in a slot was freed; None of a slot that holds no tensor."""
    kind: Any = type(node)
    try:
        return False if is_plain(static(kind, slot).__get__(node)) else None
    except Exception as error:
        return "freed" in BaseException.__str__(error) or None


def _shares(node: Any, below: set[Any]) -> bool:
    """Whether a graph leads into nodes of another (a hidden state that went through a view)."""
    return any(one in below for one, _ in _nodes([node]) if _next(one))
