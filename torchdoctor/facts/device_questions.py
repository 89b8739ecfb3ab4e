"""What an expression asks: whether its outcome depends on which devices there are, or on a choice of device.

Names count here, and only here, because they count for silence: a flag `args.no_cuda` is a choice that the program's
user can make, wherever it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.tree import children, within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 5
_WORDS = frozenset({
    "cpu", "device", "devices", "nvidia", "accelerator", "accelerators", "mps", "xpu", "npu", "tpu", "hpu", "xla",
    "mtia", "rocm", "hip", "rank", "world", "ddp", "distributed", "nccl",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DEVICE_STRING = re.compile(r"^\s*(?:cuda|gpu|cpu|mps|xpu|npu|nccl|auto)\b", re.IGNORECASE)
_QUERIES = (
    "torch.cuda.", "torch.backends.", "torch.accelerator.", "torch.version.", "torch.distributed.", "torch.mps.",
    "torch.xpu.",
)  # fmt: skip


def speaks_of_device(identifier: str) -> bool:
    """Whether an identifier says that it is about devices: `use_cuda`, `n_gpu`, `isCudaAvailable`, `local_rank`."""
    low = identifier.lower()
    words = (word.lower() for word in _WORD.findall(identifier))
    return "cuda" in low or "gpu" in low or not _WORDS.isdisjoint(words)


class DeviceQuestions:
    """What the expressions of one file ask."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._answered: dict[cst.CSTNode, bool] = {}

    def asks(self, test: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether the outcome of an expression depends on which devices there are, or on a choice of device."""
        return any(self._asks(node, depth) for node in within(test))

    def _answers(self, value: cst.CSTNode, depth: int) -> bool:
        """As ``asks``, for a flag's value: what is only computed on a device (`model(x.to(device))`) tells nothing."""
        if value not in self._answered:
            self._answered[value] = False  # cuts recursion: flag = flag and other
            self._answered[value] = any(self._asks(node, depth) for node in _flag_parts(value, self.file))
        return self._answered[value]

    def _asks(self, node: cst.CSTNode, depth: int) -> bool:
        if isinstance(node, (cst.SimpleString, cst.FormattedStringText)):
            text = node.raw_value if isinstance(node, cst.SimpleString) else node.value
            return bool(_DEVICE_STRING.match(text))
        if not isinstance(node, (cst.Name, cst.Attribute)):
            return False
        if speaks_of_device(node.value if isinstance(node, cst.Name) else node.attr.value):
            return True
        name = self.file.name(node)
        if name is not None and name.startswith(_QUERIES):
            return True
        return depth > 0 and any(asker._answers(value, depth - 1) for asker, value in self._origins(node, name))

    def _origins(
        self, node: cst.Name | cst.Attribute, name: str | None
    ) -> Iterator[tuple[DeviceQuestions, cst.CSTNode]]:
        """Where a name gets its value: assignments here, the returns of a project function, an imported flag."""
        if isinstance(node, cst.Attribute):
            yield from ((self, value) for value in self._attribute_values.get(node.attr.value, ()))
        else:
            found = self.file.scopes.find(node.value, node)
            yield from (
                (self, b.value) for b in (found[1] if found else ()) if b.kind == "assign" and b.value is not None
            )
        if name is not None:
            yield from self._project_origins(name)

    def _project_origins(self, name: str) -> Iterator[tuple[DeviceQuestions, cst.CSTNode]]:
        definition = defined(self.file, name)
        if definition is not None and isinstance(definition[1], cst.FunctionDef):
            yield from ((definition[0].guards.questions, value) for value in _deciding(definition[1]))
        module, _, attribute = name.rpartition(".")
        neighbours = self.file.neighbours
        other = neighbours.file(module) if neighbours is not None and module else None
        if other is not None and other is not self.file:
            for binding in other.scopes.module.bindings.get(attribute, ()):
                if binding.value is not None:
                    yield other.guards.questions, binding.value

    @cached_property
    def _attribute_values(self) -> dict[str, list[cst.CSTNode]]:
        """Values assigned to attributes, by the attribute's name: `args.fast = torch.cuda.is_available()`."""
        found: dict[str, list[cst.CSTNode]] = {}
        for assign in self.file.nodes(cst.Assign):
            for target in assign.targets:
                if isinstance(target.target, cst.Attribute):
                    found.setdefault(target.target.attr.value, []).append(assign.value)
        for facts in self.file.classes:
            for name, value in facts.class_body.items():
                if value is not None:
                    found.setdefault(name, []).append(value)
        return found


def own_nodes(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes of a statement without those of functions and classes defined in it."""
    inner: set[cst.CSTNode] = set()
    for node in within(statement):
        if node in inner:
            continue
        if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            inner.update(within(node))
            continue
        yield node


def _deciding(function: cst.FunctionDef) -> Iterator[cst.BaseExpression]:
    """What a function returns, and the tests that decide which of several it is."""
    for node in own_nodes(function.body):
        if isinstance(node, cst.Return) and node.value is not None:
            yield node.value
        elif isinstance(node, cst.If) and any(isinstance(inner, cst.Return) for inner in own_nodes(node.body)):
            yield node.test


def _flag_parts(value: cst.CSTNode, file: File) -> Iterator[cst.CSTNode]:
    """The nodes that decide a flag's value: not the arguments of calls, other than of bool(), int() and the like."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Call):
            plain = (file.name(node.func) or "").startswith("builtins.")
            stack.extend(arg.value for arg in node.args if plain)
            stack.append(node.func)
        elif isinstance(node, (cst.Name, cst.Attribute, cst.SimpleString)):
            yield node
        else:
            stack.extend(children(node))
