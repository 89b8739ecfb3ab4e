"""What lies around a failure: the modules, optimizers, schedulers, scalers and loaders that the user's frames name."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torchdoctor.probes.frames import own_module
from torchdoctor.probes.module import Modules, below, held, is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import class_name, instance_dict, is_a, loaded, locals_of, qualified, torch_class
from torchdoctor.probes.tensor import is_plain
from torchdoctor.record import ModuleRecord, ObjectRecord

Named = tuple[str, Any, str]  # a name, what it names, and the file in which it does
_MOST_NAMES = 2000
_MOST_OBJECTS = 40
_MOST_LAYERS = 200
_MOST_PARAMETERS = 50_000


def named(links: Iterable[types.TracebackType]) -> list[Named]:
    """What the user's frames name, innermost first: their locals, the globals that their code reads, and self's own."""
    found: list[Named] = []
    for link in reversed(list(links)):
        frame = link.tb_frame
        path = frame.f_code.co_filename
        if package_of(path):
            continue
        local = locals_of(frame)
        found += [(name, value, path) for name, value in local.items()]
        read = frame.f_code.co_names
        found += [(name, frame.f_globals[name], path) for name in read if name not in local and name in frame.f_globals]
        first = frame.f_code.co_varnames[0] if frame.f_code.co_argcount else ""
        if first in ("self", "cls"):
            found += [(f"{first}.{name}", value, path) for name, value in instance_dict(local.get(first)).items()]
    plain = (name_ for name_ in found if type(name_[0]) is str and not name_[0].startswith("__"))
    return list(plain)[:_MOST_NAMES]


def register(modules: Modules, links: list[types.TracebackType], names: list[Named]) -> None:
    """Tell the modules that were seen their names: below the outermost ones that the frames name or run in."""
    seen: dict[int, tuple[Any, str, str]] = {}
    for name, value, path in reversed(names):
        if is_module(value) and not name.startswith("self."):
            seen.setdefault(id(value), (value, name, path))
    for _, value, path in reversed(names):
        if is_module(owner := _owner_of(value)):
            seen.setdefault(id(owner), (owner, "", path))
    for link in links:
        module = own_module(link.tb_frame)
        if module is not None:
            seen.setdefault(id(module), (module, "", ""))
    inner = {id(child) for module, _, _ in seen.values() for child in below(module)}
    for module, name, path in seen.values():
        if id(module) not in inner:
            modules.root(module, "" if name == "self" else name, path)
    for module, name, path in seen.values():
        modules.root(module, "" if name == "self" else name, path)


def _owner_of(value: Any) -> Any:
    """The object whose method a name is, compiled or not: of `step = torch.compile(model.loss)` the model."""
    inner = instance_dict(value).get("_torchdynamo_orig_callable") if type(value) is types.FunctionType else value
    return inner.__self__ if type(inner) is types.MethodType else None


def layers(modules: Modules, links: list[types.TracebackType]) -> Iterator[ModuleRecord]:
    """Torch's own layers in the innermost module of the user's on the way, else in the outermost of all."""
    met = [
        (module, package_of(link.tb_frame.f_code.co_filename))
        for link in links
        if (module := _module(link)) is not None
    ]
    own = [module for module, package in met if not package]
    around = own[-1] if own else met[0][0] if met else None
    waiting = [around] if around is not None else []
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_LAYERS:
        here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        members = [one for one in held(here, "_modules").values() if one is not None and is_module(one)]
        waiting += reversed(members)
        if not members and qualified(type(here)).startswith("torch.nn.modules."):
            yield modules.record(here)


def _module(link: types.TracebackType) -> Any:
    return own_module(link.tb_frame)


def objects(names: list[Named]) -> Iterator[ObjectRecord]:
    """The records of the optimizers, schedulers, scalers and loaders among these names, each object once."""
    seen: set[int] = set()
    for name, value, _ in names:
        if id(value) in seen or len(seen) >= _MOST_OBJECTS:
            continue
        for kind, classes, describe in _KINDS:
            if is_a(value, *classes()):
                seen.add(id(value))
                yield ObjectRecord(name, kind, class_name(type(value)), describe(value))
                break


def _optimizer(value: Any) -> dict[str, Any]:
    groups = instance_dict(value).get("param_groups")
    groups = groups if type(groups) is list else []
    parameters: list[Any] = []
    for group in groups:
        if type(group) is dict and type(group.get("params")) is list:
            parameters += group["params"]
    facts = _plain(groups[0]) if groups and type(groups[0]) is dict else {}
    devices = {_device(parameter) for parameter in parameters[:_MOST_PARAMETERS]} - {""}
    return {**facts, "groups": len(groups), "parameters": len(parameters), "devices": sorted(devices)}


def _device(tensor: Any) -> str:
    torch = loaded("torch")
    try:
        return str(torch._C.TensorBase.device.__get__(tensor))
    except Exception:
        return ""


def _loader(value: Any) -> dict[str, Any]:
    own = instance_dict(value)
    facts = _plain(own)
    for key, shown in (("dataset", "dataset"), ("sampler", "sampler"), ("collate_fn", "collate_fn")):
        if key in own:
            facts[shown] = qualified(type(own[key]))
    if (samples := _samples(own.get("dataset"))) is not None:
        facts["length"] = samples
    return facts


def _sizes(tensor: Any) -> tuple[int, ...]:
    return tuple(loaded("torch")._C.TensorBase.size(tensor))


def _samples(dataset: Any) -> int | None:
    """How many samples a dataset holds, where that can be told without a `__len__` of the user's."""
    if is_a(dataset, list):
        return list.__len__(dataset)
    if is_a(dataset, tuple):
        return tuple.__len__(dataset)
    own = instance_dict(dataset)
    if type(dataset) is _loaded_class("torch.utils.data.dataset", "TensorDataset"):
        tensors = own.get("tensors")
        first: Any = tensors[0] if type(tensors) is tuple and tensors else None
        return _sizes(first)[0] if is_plain(first) and _sizes(first) else None
    if type(dataset) is _loaded_class("torch.utils.data.dataset", "Subset"):
        indices: Any = own.get("indices")
        return len(indices) if type(indices) in (list, range) else None
    return None


def _plain(mapping: dict[str, Any]) -> dict[str, Any]:
    kinds = (int, float, bool, str, type(None))
    return {k: v for k, v in list(mapping.items()) if type(k) is str and k[:1] != "_" and type(v) in kinds}


def _own(value: Any) -> dict[str, Any]:
    found = instance_dict(value)
    enabled = found.get("_enabled")
    return {**_plain(found), **({"enabled": enabled} if type(enabled) is bool else {})}


def _loaded_class(module: str, name: str) -> Any:
    found = loaded(module)
    return None if found is None else vars(found).get(name)


_KINDS: tuple[tuple[str, Callable[[], tuple[Any, ...]], Callable[[Any], dict[str, Any]]], ...] = (
    ("optimizer", lambda: (torch_class("optim.Optimizer"),), _optimizer),
    ("scheduler", lambda: (_loaded_class("torch.optim.lr_scheduler", "LRScheduler"),), _own),
    ("scaler", lambda: (_loaded_class("torch.amp.grad_scaler", "GradScaler"),), _own),
    ("loader", lambda: (_loaded_class("torch.utils.data.dataloader", "DataLoader"),), _loader),
    ("dataset", lambda: (_loaded_class("torch.utils.data.dataset", "Dataset"),), _own),
)
