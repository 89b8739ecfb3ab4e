"""Finds methods and attributes of a module that take the place of nn.Module's own and cannot be used as it is.

Silent for an override that can be called as nn.Module's method is, unless it is a `train` or `eval` that switches no
mode and does a training or evaluation of its own; and for attributes that may be functions.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_module_class
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.file import File
from torchdoctor.facts.module_api import CALLS, accepts, does_other_work, is_data, switches_mode

_SILENT = frozenset({"overload", "staticmethod", "classmethod", "abstractmethod"})


@on_module_class(words=CALLS)
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    for name, method in facts.methods.items():
        if name in CALLS and not _decorators(method) & _SILENT and (how := _how(method, name)) is not None:
            yield Found(method.name, f"{_shown(file, facts, method)} {how}")
    for name, writes in facts.attributes.items():
        if name in CALLS and name not in facts.methods:
            for write in writes[:1]:
                if write.value is not None and is_data(facts, name, write.value):
                    yield Found(write.target, f"`{file.code(write.target)}` {_replaces(name)}")
    for name, value in facts.class_body.items():
        if name in CALLS and value is not None and is_data(facts, name, value):
            yield Found(value, f"`{facts.node.name.value}.{name}` {_replaces(name)}")


def _how(method: cst.FunctionDef, name: str) -> str | None:
    """What is wrong with a method that has the name of one of nn.Module's."""
    signature, counts = CALLS[name]
    if "property" in _decorators(method):
        return f"is a property where `nn.Module` has the method `{name}({signature})`"
    if name == "train" and accepts(method, 1) and switches_mode(method):
        return None  # an override that lacks its default
    if not all(accepts(method, count) for count in counts):
        tail = ", and `eval()` calls it with `False`" if name == "train" else ""
        return f"cannot be called as `nn.Module.{name}({signature})`, whose place it takes{tail}"
    if name in ("train", "eval") and does_other_work(method):
        tail = "`eval()` runs it" if name == "train" else "it switches no mode"
        return f"takes the place of `nn.Module.{name}({signature})`: {tail}"
    return None


def _replaces(name: str) -> str:
    signature = CALLS[name][0]
    caller = ", which `eval()` calls" if name == "train" else ""
    return f"is data under the name of the method `nn.Module.{name}({signature})`{caller}"


def _shown(file: File, facts: ClassFacts, method: cst.FunctionDef) -> str:
    params = file.code(method.params) if method.params.params else ""
    text = f"{facts.node.name.value}.{method.name.value}({params})"
    return f"`{text}`" if len(text) < 70 and "\n" not in text else f"`{text.partition('(')[0]}(...)`"


def _decorators(method: cst.FunctionDef) -> set[str]:
    found = set()
    for decorator in method.decorators:
        node = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
        found.add(node.attr.value if isinstance(node, cst.Attribute) else getattr(node, "value", ""))
    return found
