"""Which expressions make an nn.Module or an nn.Parameter, and which modules must be registered to work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.origins import Origin, origins, owner_of_self
from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Methods of a module that give the module itself back.
_SAME_MODULE = frozenset({
    "to", "cuda", "cpu", "xpu", "half", "float", "double", "bfloat16", "eval", "train", "requires_grad_", "apply",
    "type", "to_empty", "share_memory",
})  # fmt: skip
_FACTORIES = re.compile(
    r"^torchvision\.models\.(?:\w+\.)*(?:alex|vgg|res|wide_res|densenet|inception|google|shuffle|mobile|mnas|efficient"
    r"|regnet|resnext|convnext|swin|vit_|maxvit|squeeze|fcn|deeplab|lraspp|fasterrcnn|maskrcnn|keypointrcnn|retina|ssd|fcos"
    r"|raft|r3d|mc3|r2plus1d|s3d|mvit|get_model)\w*$"
    r"|^timm\.create_model$|^timm\.models\.(?:\w+\.)*create_model$|^torch\.hub\.load$|^torch\.jit\.(?:script|trace|load)$"
)
# Calls that give back the module they are given, or a copy of it.
_PASSING = frozenset({
    "copy.deepcopy", "copy.copy", "torch.compile", "torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm",
    "torch.nn.utils.parametrizations.weight_norm", "torch.nn.utils.parametrizations.spectral_norm",
    "torch.nn.utils.parametrizations.orthogonal",
})  # fmt: skip
_CLASS_METHODS = frozenset({"from_pretrained", "from_config", "load_from_checkpoint", "_from_config"})
# Modules that hold no parameters or buffers and do the same in both modes: nobody misses them in the registry.
_STATELESS = re.compile(
    r"^torch\.nn\.(?:(?:Leaky|R|C|G)?ReLU6?|ReLU6|C?ELU|GELU|SELU|SiLU|Mish|Hard\w+|Softplus|Softshrink|Softsign"
    r"|Tanh(?:shrink)?|Sigmoid|LogSigmoid|Threshold|GLU|(?:Log)?Softmax(?:2d)?|Softmin|Identity|(?:Un)?[Ff]latten|Unflatten"
    r"|(?:Adaptive|Fractional)?(?:Max|Avg|LP)(?:Un)?[Pp]ool\dd|Upsample|Upsampling\w+|Pixel(?:Uns|S)huffle|ChannelShuffle"
    r"|\w*Pad\dd|CosineSimilarity|PairwiseDistance|Fold|Unfold|\w+Loss(?:2d)?)$"
)
_CONTAINERS = frozenset({"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"})
_PLAIN_CALLS = frozenset({"int", "float", "bool", "str", "len", "tuple", "super", "max", "min", "abs", "round", "math"})


def is_module_class(file: File, name: str | None) -> bool:
    """Whether a full name is that of an nn.Module class, of a library or of the project."""
    if name is None:
        return False
    if "module" in kinds_of(name):
        return True
    facts = file.classes.named(name)
    return facts is not None and facts.is_module


def made_modules(file: File, node: cst.BaseExpression) -> list[Origin]:
    """The calls that make the module that ``node`` is; none unless it is a module whichever way it comes about."""
    owner = owner_of_self(file, node.value) if isinstance(node, cst.Attribute) else None
    if owner is None or not isinstance(node, cst.Attribute):
        return _made_modules(file, node, frozenset())
    known: dict[tuple[cst.ClassDef, str], list[Origin]] = remembered(file, "attributes of modules")
    key = owner.node, node.attr.value
    if key not in known:
        known[key] = _made_modules(file, node, frozenset())
    return known[key]


def _made_modules(file: File, node: cst.BaseExpression, seen: frozenset[cst.CSTNode]) -> list[Origin]:
    found: list[Origin] = []
    for origin in origins(file, node):
        if origin.node in seen:  # net = net.to(device): what net was before decides
            continue
        made = list(_makers(origin, seen | {origin.node}))
        if not made:
            return []
        found += made
    return found


def is_module(file: File, node: cst.BaseExpression) -> bool:
    """Whether the value of an expression is an nn.Module, whichever way it comes about."""
    return bool(made_modules(file, node))


def _makers(origin: Origin, seen: frozenset[cst.CSTNode]) -> Iterator[Origin]:
    file, call = origin.file, origin.node
    if not isinstance(call, cst.Call):
        return
    name = file.name(call.func)
    if is_module_class(file, name) or (name is not None and _FACTORIES.match(name)):
        yield origin
    elif name in _PASSING and call.args:
        yield from _made_modules(file, call.args[0].value, seen)
    elif isinstance(call.func, cst.Attribute):
        method = call.func.attr.value
        if method in _CLASS_METHODS and is_module_class(file, file.name(call.func.value)):
            yield origin
        elif method in _SAME_MODULE:
            yield from _made_modules(file, call.func.value, seen)


def needs_registration(origin: Origin) -> bool:
    """Whether a module that is made here loses something when its owner does not know it.

    It does when it holds parameters or buffers, or does different things in training and in evaluation.
    """
    file, call = origin.file, origin.node
    if not isinstance(call, cst.Call):
        return False
    name = file.name(call.func)
    if name is None or _STATELESS.match(name):
        return name is None
    if name in _CONTAINERS and call.args:
        return any(_part_needs_registration(file, arg) for arg in call.args)
    facts = file.classes.named(name)
    return facts is None or any(_holds_state(one) for one in facts.ancestry)


def _part_needs_registration(file: File, arg: cst.Arg) -> bool:
    made = [] if arg.star else made_modules(file, arg.value)
    return not made or any(needs_registration(origin) for origin in made)


def _holds_state(facts: ClassFacts) -> bool:
    """Whether a class may hold parameters, buffers or modules: only one that is plainly without them does not."""
    for writes in facts.attributes.values():
        for write in writes:
            if write.value is None or any(_may_hold_state(facts, node) for node in own_nodes(write.value)):
                return True
    registering = ("register_parameter", "register_buffer", "add_module", "register_module")
    for method in facts.methods.values():
        for node in own_nodes(method.body):
            if isinstance(node, cst.Name) and (node.value in registering or node.value in ("setattr", "training")):
                return True
            if isinstance(node, cst.Call) and _calls_attribute(facts, node):
                return True
    return bool(facts.external - {"torch.nn.Module", "builtins.object", "abc.ABC"})


def _may_hold_state(facts: ClassFacts, node: cst.CSTNode) -> bool:
    if not isinstance(node, cst.Call):
        return False
    first = node.func
    while isinstance(first, cst.Attribute):
        first = first.value
    if isinstance(first, cst.Name) and first.value in _PLAIN_CALLS:
        return False
    made = made_modules(facts.file, node)
    return not made or any(needs_registration(origin) for origin in made)


def _calls_attribute(facts: ClassFacts, call: cst.Call) -> bool:
    """`self.fn(x)`, where what was given to the constructor may be a module."""
    func = call.func
    if not (isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name)):
        return False
    writes = facts.attributes.get(func.attr.value, ())
    return any(not made_modules(facts.file, write.value) for write in writes if write.value is not None)


def is_parameter(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression makes an nn.Parameter itself, whichever way it comes about."""
    found = [file.name(o.node.func) if isinstance(o.node, cst.Call) else None for o in origins(file, node)]
    return bool(found) and all(name in ("torch.nn.Parameter", "torch.nn.UninitializedParameter") for name in found)
