"""An nn.Module to its record: its dotted name, its constructor's facts, and whose code has built it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from torchdoctor.probes.cells import cell_that_assigns, is_cell
from torchdoctor.probes.plain import bases, class_dict, class_name, instance_dict, is_a, loaded, qualified, torch_class
from torchdoctor.record import ModuleRecord

_MOST_MODULES = 20_000
_MOST_CHILDREN = 200
# What every module has, and what says nothing of how it was made.
_DULL = {"training", "call_super_init", "dump_patches"}


def is_module(value: object) -> bool:
    return is_a(value, torch_class("nn.Module"))


def held(module: object, kind: str) -> dict[str, Any]:
    """The entries of `_modules`, `_parameters` or `_buffers`; none where the constructor never called super's."""
    found: Any = instance_dict(module).get(kind)
    return {str(key): value for key, value in dict.items(found)} if is_a(found, dict) else {}


def below(module: object) -> Iterator[object]:
    """All modules below one, each once."""
    waiting, met = [module], {id(module)}
    while waiting and len(met) < _MOST_MODULES:
        for child in held(waiting.pop(), "_modules").values():
            if child is not None and id(child) not in met:
                met.add(id(child))
                waiting.append(child)
                yield child


class Modules:
    """Names modules by the outermost ones that were seen: first the roots, in the order in which they came."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[object, str, tuple[object, ...]]] = {}
        self._counted: dict[int, tuple[int | None, int | None]] = {}
        self._variables: dict[int, tuple[str, str]] = {}

    def root(self, module: object, variable: str = "", path: str = "") -> None:
        """Name a module, and all below it, where it is not below one that was named before.

        ``variable`` is what a frame of the file ``path`` calls it.
        """
        if id(module) in self._names:
            return
        inner = held(module, "_modules").get("_orig_mod")  # of torch.compile's wrapper: nothing that the user named
        if inner is not None and is_module(inner):
            self.root(inner, variable, path)
            self._names.setdefault(id(module), (module, "", ()))
            return
        if variable:
            self._variables[id(module)] = (variable, cell_that_assigns(variable, path))
        waiting: list[tuple[object, str, tuple[object, ...]]] = [(module, "", ())]
        while waiting and len(self._names) < _MOST_MODULES:
            here, name, above = waiting.pop()
            if id(here) in self._names:
                continue
            self._names[id(here)] = (here, name, above)
            for key, child in held(here, "_modules").items():
                if child is not None and is_module(child):
                    waiting.append((child, f"{name}.{key}" if name else key, (*above, here)))

    def all(self) -> Iterator[tuple[object, str]]:
        """Every module that has a name, with it: below a variable of the user's, "net.encoder.fc1"."""
        for module, name, above in self._names.values():
            variable, _ = self._variables.get(id(above[0] if above else module), ("", ""))
            yield module, ".".join(part for part in (variable, name) if part)

    def files(self) -> Iterator[str]:
        """The files of the classes of these modules."""
        for cls in dict.fromkeys(type(module) for module, _, _ in self._names.values()):
            yield file_of(cls)

    def record(self, module: object) -> ModuleRecord:
        _, name, above = self._names.get(id(module), (module, "", ()))
        root = above[0] if above else module
        holder, holder_path, attribute = self._holder(module, name, above)
        parameters, trainable = self._counts(module)
        return ModuleRecord(
            name=name,
            type=class_name(type(module)),
            qualified=qualified(type(module)),
            root=class_name(type(root)),
            training=training if type(training := instance_dict(module).get("training")) is bool else None,
            facts=_facts(module),
            holder=holder,
            holder_path=holder_path,
            attribute=attribute,
            parameters=parameters,
            trainable=trainable,
            children=tuple(held(module, "_modules"))[:_MOST_CHILDREN],
            own=_attributes(module),
        )

    def _counts(self, module: object) -> tuple[int | None, int | None]:
        """How many elements its parameters have, those of all below it too, and how many of them learn."""
        if id(module) not in self._counted:
            members = [module, *below(module)]
            found = [p for one in members for p in held(one, "_parameters").values() if p is not None]
            each = list({id(p): p for p in found}.values())
            self._counted[id(module)] = _count(each, learning=False), _count(each, learning=True)
        return self._counted[id(module)]

    def _holder(self, module: object, name: str, above: tuple[object, ...]) -> tuple[str, str, str]:
        """The nearest module above that is not torch's own: its class built this one, as the rest of the name."""
        parts = name.split(".")
        for depth in range(len(above) - 1, -1, -1):
            cls = type(above[depth])
            if not qualified(cls).startswith("torch."):
                return qualified(cls), file_of(cls), ".".join(parts[depth:])
        root = above[0] if above else module
        variable, path = self._variables.get(id(root), ("", ""))
        return "", path, ".".join(part for part in (variable, name) if part)


def file_of(cls: type) -> str:
    own = class_dict(cls)
    codes = [value.__code__ for value in (own.get("__init__"), *own.values()) if type(value) is types.FunctionType]
    if codes and is_cell(codes[0].co_filename):  # a notebook's module has the file of its kernel, or none
        return codes[0].co_filename
    module = loaded(str(own.get("__module__", "")))
    path = vars(module).get("__file__") if module is not None else None
    return path if type(path) is str else ""


def _facts(module: object) -> dict[str, Any]:
    """The plain values among a module's attributes: numbers, flags, short texts, tuples of numbers."""
    facts: dict[str, Any] = {}
    for name, value in list(instance_dict(module).items()):
        if type(name) is not str or name.startswith("_") or name in _DULL:
            continue
        if type(value) in (int, float, bool) or (type(value) is str and len(value) <= 40):
            facts[name] = value
        elif is_a(value, tuple) and all(type(item) in (int, float, str) for item in tuple.__iter__(value)):
            facts[name] = list(tuple.__iter__(value))
        elif value is None:
            facts[name] = None
    for name in ("weight", "bias"):
        if name in held(module, "_parameters"):
            facts.setdefault(name, held(module, "_parameters")[name] is not None)
    return facts


def _count(parameters: list[Any], *, learning: bool) -> int | None:
    torch = loaded("torch")
    total = 0
    for parameter in parameters:
        try:
            with torch._C.DisableTorchFunction():
                base = torch._C.TensorBase
                if not learning or base.requires_grad.__get__(parameter):
                    total += int(base.numel(parameter))
        except Exception:  # a lazy module's parameter has no size yet
            return None
    return total


def _attributes(module: object) -> tuple[str, ...]:
    """The names of what the user gave a module, and of its class's methods: among them a misspelt one is found."""
    names = [name for name in instance_dict(module) if type(name) is str and not name.startswith("_")]
    for kind in ("_modules", "_parameters", "_buffers"):
        names += held(module, kind)
    for cls in bases(type(module)):
        if not qualified(cls).startswith(("torch.", "builtins.")):
            names += [name for name in class_dict(cls) if not name.startswith("__")]
    return tuple(dict.fromkeys(names))[:_MOST_CHILDREN]
