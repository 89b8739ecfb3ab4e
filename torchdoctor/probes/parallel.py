"""The names of the parameters that DistributedDataParallel tells by number."""

from __future__ import annotations

import re
import types
from typing import Any

from torchdoctor.probes.frames import own_module
from torchdoctor.probes.module import held
from torchdoctor.probes.plain import class_name, instance_dict, loaded

_INDICES = re.compile(r"Parameter indices which did not receive grad for rank \d+: ([\d ]+)")


def untouched(message: str, links: list[types.TracebackType]) -> list[str]:
    """The names of the parameters whose numbers the text has: DDP counts those that learn, in the order of the
    modules. [] where there are none, or the model is not on the way."""
    told = _INDICES.search(message)
    modules = (own_module(link.tb_frame) for link in links) if told is not None else ()
    parallel = next((one for one in modules if class_name(type(one)) == "DistributedDataParallel"), None)
    if told is None or parallel is None:
        return []
    ignored = instance_dict(parallel).get("parameters_to_ignore")
    inner = held(parallel, "_modules").get("module")
    names = [name for name in _learning(inner, "", set()) if type(ignored) is not set or name not in ignored]
    return [names[number] for number in map(int, told[1].split()) if number < len(names)]


def _learning(module: Any, before: str, seen: set[int]) -> list[str]:
    """The names of the parameters that learn, each once, in the order of `named_parameters`."""
    if module is None or id(module) in seen:
        return []
    seen.add(id(module))
    found = []
    base = loaded("torch")._C.TensorBase
    for name, parameter in held(module, "_parameters").items():
        if parameter is not None and id(parameter) not in seen and base.requires_grad.__get__(parameter):
            seen.add(id(parameter))
            found.append(before + name)
    for name, child in held(module, "_modules").items():
        found += _learning(child, f"{before}{name}.", seen)
    return found
