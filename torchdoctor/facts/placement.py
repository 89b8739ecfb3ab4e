"""Where a program asks for CUDA in so many words: `.cuda()`, `"cuda"` as a device, torch.cuda functions.

A device that somebody else can choose is not such a place: a parameter's default, an argparse option, a value of a
configuration, one side of a conditional expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.names import dotted
from torchdoctor.facts.tree import within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_CUDA = re.compile(r"^cuda(?::\d+)?$")
_CUDA_TYPE = re.compile(r"^torch\.cuda\.\w*Tensor$")
_KEYWORDS = ("device", "map_location")
# The first argument of these is a device.
_FIRST = frozenset({"torch.device", "torch.set_default_device", "torch.Generator"})
_METHODS = ("to", "cuda", "to_empty")
# A device in words only: without a GPU these warn and go on, or merely describe.
_HARMLESS = (
    "torch.amp.",
    "torch.library.",
    "torch.profiler.",
    "torch.testing.",
    "torch.export.",
    "torch.compiler.",
    "builtins.",
)
# These raise on a machine without a GPU, whatever they are given.
_NEED = tuple(
    f"torch.cuda.{name}"
    for name in ("synchronize", "current_device", "get_device_name", "get_device_properties", "get_device_capability")
)
_HOPS = 3


@dataclass(frozen=True, slots=True)
class Placement:
    """One place that asks for CUDA.

    ``kind``: "method" (`x.cuda()`), "string" (`"cuda"`), "setting" (`torch.cuda.set_device(0)`,
    `torch.cuda.FloatTensor`), "query" (`torch.cuda.synchronize()`).
    ``node`` is the call, or the string where it is given a name first; ``string`` the literal, where there is one.
    """

    node: cst.CSTNode
    kind: str
    string: cst.SimpleString | None = None

    @property
    def index(self) -> int | None:
        """The number of the GPU that is asked for, where the literal has one."""
        if self.string is not None:
            number = str(self.string.evaluated_value).partition(":")[2]
            return int(number) if number else None
        device = self.node.args[0].value if isinstance(self.node, cst.Call) and self.node.args else None
        return int(device.value) if isinstance(device, cst.Integer) else None


def placements(file: File) -> list[Placement]:
    """All of them, in source order, each once."""
    found = {place.node: place for place in (*_strings(file), *_method_calls(file), *_queries(file))}
    return sorted(found.values(), key=lambda place: file.tree.order[place.node])


def _method_calls(file: File) -> Iterator[Placement]:
    for call in file.calls_by_method.get("cuda", ()):
        device = file.argument(call, 0, "device")
        chosen = device is not None and not isinstance(device, (cst.Integer, cst.SimpleString))
        if not chosen and not file.has_star(call) and not _is_super(call):
            yield Placement(call, "method", device if isinstance(device, cst.SimpleString) else None)
    for call in file.calls_by_method.get("type", ()):
        if _is_cuda_type(file, file.argument(call, 0, "dtype")):
            yield Placement(call, "query")


def _is_cuda_type(file: File, node: cst.BaseExpression | None) -> bool:
    """`torch.cuda.FloatTensor`, or that in quotes."""
    name = file.constant(node) if isinstance(node, cst.SimpleString) else file.name(node)
    return isinstance(name, str) and _CUDA_TYPE.match(name) is not None


def _is_super(call: cst.Call) -> bool:
    """`super().cuda()`: the method that the caller has asked for."""
    receiver = call.func.value if isinstance(call.func, cst.Attribute) else None
    return isinstance(receiver, cst.Call) and isinstance(receiver.func, cst.Name) and receiver.func.value == "super"


def _queries(file: File) -> Iterator[Placement]:
    for call in file.calls(*_NEED):
        yield Placement(call, "query")
    for call in file.calls("torch.cuda.set_device"):
        if isinstance(file.argument(call, 0, "device"), (cst.Integer, cst.SimpleString)):
            yield Placement(call, "setting")
    for name, calls in file.calls_by_name.items():
        if _CUDA_TYPE.match(name):
            yield from (Placement(call, "setting") for call in calls)
    for call in file.calls("torch.set_default_tensor_type"):
        if _is_cuda_type(file, file.argument(call, 0, "t")):
            yield Placement(call, "setting")


def _strings(file: File) -> Iterator[Placement]:
    for formatted in file.nodes(cst.FormattedString):
        parent = file.parent(formatted)
        if (
            isinstance(parent, cst.Arg)
            and _is_numbered(file, formatted)
            and (call := device_call(file, parent)) is not None
        ):
            if not _is_given_up(file, call):
                yield Placement(call, "string")
    for string in file.nodes(cst.SimpleString):
        if "cuda" not in string.value or not isinstance(text := string.evaluated_value, str) or not _CUDA.match(text):
            continue
        parent = file.parent(string)
        if isinstance(parent, cst.Arg) and (call := device_call(file, parent)) is not None:
            if not _is_given_up(file, call):
                yield Placement(call, "string", string)
        elif isinstance(parent, (cst.Assign, cst.AnnAssign)) and _reaches_device(file, parent):
            yield Placement(string, "string", string)


def _is_numbered(file: File, string: cst.FormattedString) -> bool:
    """f"cuda:{args.gpu}": which GPU is a choice, that there is one is not. A function's parameter may be a rank."""
    first = string.parts[0] if string.parts else None
    if not isinstance(first, cst.FormattedStringText) or not first.value.startswith("cuda:"):
        return False
    if file.imports("torch.distributed") or file.imports("torch.multiprocessing"):
        return False
    names = [node for part in string.parts if isinstance(part, cst.FormattedStringExpression) for node in within(part)]
    found = [file.scopes.find(node.value, node) for node in names if isinstance(node, cst.Name)]
    return not any(binding.kind != "assign" for _, bindings in filter(None, found) for binding in bindings)


def device_call(file: File, arg: cst.Arg, hops: int = _HOPS) -> cst.Call | None:
    """The call that takes this argument for a device to put something on; None where it is no such argument."""
    call = file.parent(arg)
    if not isinstance(call, cst.Call):
        return None
    name = file.name(call.func) or ""
    if name.startswith(_HARMLESS) or arg.star:
        return None
    if arg.keyword is not None:
        return call if arg.keyword.value in _KEYWORDS and not _configures(file, call, name) else None
    first = call.args[0] is arg
    if name in _FIRST:
        return call if first else None
    if name in ("torch.load", "torch.jit.load"):
        return call if len(call.args) > 1 and call.args[1] is arg else None
    method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    return call if (first and method in _METHODS) or _hands_on(file, call, arg, name, hops) else None


def _hands_on(file: File, call: cst.Call, arg: cst.Arg, name: str, hops: int) -> bool:
    """Whether a project function takes the argument for a device: `train(model, "cuda")`."""
    other, function = (defined(file, name) if name and hops else None) or (file, None)
    if not isinstance(function, cst.FunctionDef) or file.has_star(call):
        return False
    params = (*function.params.posonly_params, *function.params.params)
    position = call.args.index(arg)
    if position >= len(params):
        return False
    param = params[position].name.value
    reads = (n for n in other.nodes(cst.Name) if n.value == param and other.function(n) is function)
    return any(_is_device_use(other, read, hops - 1) for read in reads)


def _configures(file: File, call: cst.Call, name: str) -> bool:
    """Whether the call only writes a setting down: argparse, a dataclass of settings, dict(), field()."""
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in (
        "add_argument",
        "add_option",
        "update",
        "setdefault",
    ):
        return True
    facts = file.classes.named(name) if name else None
    if facts is not None:
        return not facts.is_module and "__init__" not in facts.methods
    return name.startswith(("dataclasses.", "argparse.", "types.", "click.", "pydantic.", "functools."))


def _is_given_up(file: File, call: cst.Call) -> bool:
    """A device that is compared, or only a default: of a parameter, of a name that is given another value as well."""
    parent = file.parent(call)
    if isinstance(parent, (cst.Param, cst.BooleanOperation, cst.Comparison, cst.ComparisonTarget)):
        return True
    if file.name(call.func) != "torch.device":
        return False
    if isinstance(parent, cst.Attribute):
        return True  # torch.device("cuda").type: only read
    target = _single_target(parent)
    return target is not None and not _only_value(file, target, call)


def _single_target(statement: cst.CSTNode | None) -> cst.BaseExpression | None:
    if isinstance(statement, cst.AnnAssign):
        return statement.target
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        return statement.targets[0].target
    return None


def _only_value(file: File, target: cst.BaseExpression, value: cst.CSTNode) -> bool:
    """Whether nothing else is ever put where the value goes."""
    if isinstance(target, cst.Name):
        scope = file.scopes.of(target)
        return all(b.value is value or b.kind == "import" for b in scope.bindings.get(target.value, ()))
    text = dotted(target)
    if text is None:
        return True
    owner = file.classes.enclosing(target)
    others = [
        t.target for a in file.nodes(cst.Assign) for t in a.targets if a.value is not value and dotted(t.target) == text
    ]
    return not any(file.classes.enclosing(other) is owner for other in others)


def _reaches_device(file: File, assign: cst.Assign | cst.AnnAssign) -> bool:
    """Whether the name that a string is given to is used for a device, and has no other value."""
    target = _single_target(assign)
    if target is None or assign.value is None or not _only_value(file, target, assign.value):
        return False
    uses: list[cst.Name] | list[cst.Attribute]
    if isinstance(target, cst.Name):
        scope = file.scopes.of(target)
        if isinstance(scope.node, cst.ClassDef):
            return _class_setting_is_used(file, scope.node, target.value)
        reads = [n for n in file.nodes(cst.Name) if n.value == target.value and n is not target]
        uses = [n for n in reads if (found := file.scopes.find(n.value, n)) is not None and found[0] is scope]
    else:
        text = dotted(target)
        owner = file.classes.enclosing(target)
        same = (n for n in file.nodes(cst.Attribute) if n is not target and dotted(n) == text)
        uses = [n for n in same if file.classes.enclosing(n) is owner]
    return any(_is_device_use(file, use) for use in uses)


def _class_setting_is_used(file: File, owner: cst.ClassDef, name: str) -> bool:
    """`class Config: device = "cuda"`, read as `Config.device`: as fixed as a constant. A dataclass has defaults."""
    if owner.decorators or owner.bases:
        return False
    text = f"{owner.name.value}.{name}"
    return any(_is_device_use(file, node) for node in file.nodes(cst.Attribute) if dotted(node) == text)


def _is_device_use(file: File, use: cst.CSTNode, hops: int = _HOPS) -> bool:
    parent = file.parent(use)
    return isinstance(parent, cst.Arg) and device_call(file, parent, hops) is not None
