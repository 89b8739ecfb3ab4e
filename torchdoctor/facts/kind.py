"""What sort of thing a value is: a module, an optimizer, a loader ... from its class, its annotation or its use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.names import canonical
from torchdoctor.facts.values import Attr, Free, Made, Named, OneOf, Param, Result, Scaled, Self, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.flows import Flows

_ORDER = (
    "criterion", "lightning", "module", "optimizer", "scheduler", "scaler", "loader", "distributed_sampler", "sampler",
    "dataset", "trainer", "metric", "datamodule", "distribution", "function",
)  # fmt: skip
# Functions of libraries that make a thing of a kind.
_FACTORIES = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"^torchvision\.models\.(?:\w+\.)*[a-z]\w+$", "module"),
        (r"^timm\.(?:models\.(?:\w+\.)?)?create_model$", "module"),
        (r"^torch\.hub\.load$|^torch\.jit\.(?:load|script|trace)$|^torch\.compile$", "module"),
        (r"^transformers\.(?:\w+\.)*\w+(?:Model|For\w+)\.from_(?:pretrained|config)$", "module"),
        (r"^segmentation_models_pytorch\.[A-Z]\w+$|^segmentation_models_pytorch\.create_model$", "module"),
        (r"^timm\.optim\.(?:\w+\.)?create_optimizer(?:_v2)?$|^bitsandbytes\.optim\.\w+$", "optimizer"),
        (r"^transformers\.(?:\w+\.)*(?:AdamW|Adafactor)$", "optimizer"),
        (r"^transformers\.(?:\w+\.)*get_\w*schedule\w*$", "scheduler"),
        (r"^torch_geometric\.(?:loader|data)\.\w*Loader$|^monai\.data\.(?:Thread)?DataLoader$", "loader"),
        (r"^tqdm\.(?:\w+\.)*tqdm$", "progress"),
    )
)


def kind_of(value: Value, flows: Flows) -> str | None:
    """The kind of a value, or None."""
    return _kind_of(value, flows) or flows.hints.get(value)


def _kind_of(value: Value, flows: Flows) -> str | None:
    if isinstance(value, (Tensor, Scaled)):
        return "tensor"
    if isinstance(value, (Made, Self)):
        return _of_class(value.name, flows)
    if isinstance(value, OneOf):
        kinds = {kind_of(option, flows) for option in value.options}
        return kinds.pop() if len(kinds) == 1 else None
    if isinstance(value, Param):
        return _of_param(value, flows)
    if isinstance(value, Attr):
        return _of_attribute(value, flows)
    if isinstance(value, Free):
        return flows.usage.kind(value.scope, value.name)
    if isinstance(value, Result) and isinstance(value.function, Named):
        return _of_factory(value.function.name)
    return None


def _of_class(name: str, flows: Flows) -> str | None:
    facts = flows.file.classes.named(name)
    kinds = facts.kinds if facts is not None else kinds_of(name)
    found = next((kind for kind in _ORDER if kind in kinds), None)
    if found == "lightning":
        return "module"
    return found if found is not None or facts is not None else _of_factory(name)


def _of_factory(name: str) -> str | None:
    return next((kind for pattern, kind in _FACTORIES if pattern.match(name)), None)


def _of_param(value: Param, flows: Flows) -> str | None:
    function = value.function
    if isinstance(function, cst.FunctionDef):
        params = function.params
        for param in (*params.posonly_params, *params.params, *params.kwonly_params):
            if param.name.value == value.name and param.annotation is not None:
                kind = _of_annotation(param.annotation.annotation, flows)
                if kind is not None:
                    return kind
    return flows.usage.kind(function, value.name)


def annotated_class(value: Value, flows: Flows) -> str | None:
    """The full name of the class that a parameter is annotated with: `Net` of `net: Net` and of `net: "Net | None"`."""
    if not isinstance(value, Param) or not isinstance(value.function, cst.FunctionDef):
        return None
    if value.function not in flows.file.tree.order:
        return None
    params = value.function.params
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        if param.name.value == value.name and param.annotation is not None:
            node = param.annotation.annotation
            if isinstance(node, cst.BinaryOperation):
                node = node.left
            return _quoted(node, flows) if isinstance(node, cst.SimpleString) else flows.file.name(node)
    return None


def _of_annotation(node: cst.BaseExpression, flows: Flows) -> str | None:
    if isinstance(node, cst.BinaryOperation):  # X | None
        return _of_annotation(node.left, flows) or _of_annotation(node.right, flows)
    if isinstance(node, cst.Subscript):
        if flows.file.name(node.value) == "typing.Optional" and isinstance(node.slice[0].slice, cst.Index):
            return _of_annotation(node.slice[0].slice.value, flows)
        node = node.value
    if isinstance(node, cst.SimpleString):
        return _of_class(_quoted(node, flows), flows)
    name = flows.file.name(node)
    if name is None:
        return None
    return "tensor" if name == "torch.Tensor" else _of_class(name, flows)


def _quoted(node: cst.SimpleString, flows: Flows) -> str:
    """The full name that an annotation in quotes means: 'nn.Module'."""
    first, _, rest = str(node.evaluated_value).partition(".")
    found = flows.file.scopes.module.bindings.get(first, [])
    if len(found) != 1 or found[0].kind not in ("import", "class"):
        return ""
    binding = found[0]
    name = flows.file.names.of_import(binding.node) if binding.kind == "import" else flows.file.names.own(binding.node)
    return canonical(f"{name}.{rest}" if rest else name or "")


def _of_attribute(value: Attr, flows: Flows) -> str | None:
    path = [value.name]
    of = value.of
    while isinstance(of, Attr):
        path.insert(0, of.name)
        of = of.of
    text = ".".join(path)
    if isinstance(of, (Self, Made)):
        facts = flows.file.classes.named(of.name)
        if facts is None:
            return None
        written = _as_written(facts, path[0]) if len(path) == 1 else None
        return written or next(
            (k for a in facts.ancestry if (k := a.file.flows.usage.kind(a.node, text)) is not None), None
        )
    if isinstance(of, Param):
        annotated = annotated_class(of, flows) if len(path) == 1 else None
        facts = flows.file.classes.named(annotated) if annotated is not None else None
        written = _as_written(facts, path[0]) if facts is not None else None
        return written or flows.usage.kind(of.function, f"{of.name}.{text}")
    if isinstance(of, Free):
        return flows.usage.kind(of.scope, f"{of.name}.{text}")
    return None


def _as_written(facts: ClassFacts, attribute: str) -> str | None:
    """The kind of what the methods of a class give an attribute, where they agree."""
    kinds = set()
    for write in facts.lookup(attribute):
        call = write.value.func if isinstance(write.value, cst.Call) else None
        name = facts.file.name(call) if call is not None else None
        kinds.add(_of_class(name, facts.file.flows) if name is not None else None)
    return (kinds - {None}).pop() if len(kinds - {None}) == 1 else None


def unwrapped(value: Value) -> Value:
    """The model inside DataParallel, DistributedDataParallel, compile(), or behind `.module`; else the value itself."""
    while True:
        if isinstance(value, Made) and "wrapper" in kinds_of(value.name) and value.args:
            value = value.args[0]
        elif isinstance(value, Attr) and value.name in ("module", "_orig_mod"):
            value = value.of
        else:
            return value
