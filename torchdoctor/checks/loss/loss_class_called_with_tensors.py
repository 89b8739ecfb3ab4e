"""Finds loss classes that are constructed with the predictions and targets, as if they were functions.

What tells: a tensor in the place of a setting, `input=` or `target=` as keywords, a new loss that is used as if it were
a tensor, a backward of it. Class weights are tensors in their right place; settings of unknown kind are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.losses import CLASSES, quoted
from torchdoctor.facts.outcome import is_computed, is_used_as_tensor
from torchdoctor.facts.values import Const, Made

_TENSORS = ("input", "target")
_WORDS = (*CLASSES, "backward")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    found: set[cst.CSTNode] = set()
    for flow in file.flows.touching(words) if (words := _suspects(file)) else []:
        for event in flow.of("make", "backward"):
            call = event.on.call if isinstance(event.on, Made) else None
            if isinstance(call, cst.Call) and call in file.tree.order and call not in found:
                if _is_mistaken(file, flow, event, call):
                    found.add(call)
                    yield Found(call, _message(file, call), swaps=_mended(file, call))


def _suspects(file: File) -> frozenset[str]:
    """The loss classes that the file calls with arguments that are not plain settings; backward, where it runs one."""
    words = {"backward"} & file.calls_by_method.keys()
    for name in CLASSES:
        for call in file.calls(f"torch.nn.{name}"):
            if any(arg.keyword is None or arg.keyword.value in _TENSORS for arg in call.args):
                words.add(name)
    return frozenset(words)


def _is_mistaken(file: File, flow: Flow, event: Event, call: cst.Call) -> bool:
    assert isinstance(event.on, Made)
    loss = CLASSES.get(event.on.name[len("torch.nn.") :]) if event.on.name.startswith("torch.nn.") else None
    if event.kind == "backward":
        facts = file.classes.named(event.on.name)
        own = facts is not None and facts.complete and facts.is_module and facts.method("backward") is None
        given = (*event.on.args, *(value for _, value in event.on.keywords))
        return bool(given) and loss is not None if facts is None else own and any(is_computed(file, v) for v in given)
    if file.has_star(call):
        return False
    if loss is None:
        return False
    if any(keyword in event.keywords for keyword in _TENSORS):
        return True
    if any(place not in loss[1] and is_computed(file, value) for place, value in enumerate(event.args)):
        return True
    settings = [value for value in event.args if isinstance(value, Const)]
    return len(event.args) > 1 and not settings and is_used_as_tensor(file, call)


def _message(file: File, call: cst.Call) -> str:
    given = " and ".join(quoted(file, arg.value) for arg in call.args[:2])
    return f"{given} are given to the constructor of {quoted(file, call.func)}, which makes a loss of them and no value"


def _mended(file: File, call: cst.Call) -> tuple[Swap, ...]:
    """Settings stay with the constructor, the tensors go to a call of what it makes."""
    name = file.name(call.func) or ""
    arity = CLASSES[name[len("torch.nn.") :]][0] if name[len("torch.nn.") :] in CLASSES else 0
    tensors = [arg for arg in call.args if arg.keyword is None or arg.keyword.value in _TENSORS]
    settings = [arg for arg in call.args if arg not in tensors]
    if not name.startswith("torch.nn.") or len(tensors) != arity or "#" in file.code(call):
        return ()
    texts = [", ".join(file.code(arg).rstrip(", ") for arg in args) for args in (settings, tensors)]
    return (Swap(call, f"{file.code(call.func)}({texts[0]})({texts[1]})"),)
