"""Which modules compute something else in training than in evaluation, and the layer that makes them do so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Const, Made, Named, Result, Sequence, Value

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File

_DEPTH = 5
_ALWAYS = re.compile(r"^torch\.nn\.(?:Lazy)?(?:BatchNorm\dd|SyncBatchNorm|RReLU)$")
_DROPOUT = re.compile(r"^torch\.nn\.(?:Dropout\dd|Dropout|AlphaDropout|FeatureAlphaDropout)$")
# Layers with a dropout of their own: the keyword, and what it is when it is not given.
_WITH_DROPOUT = re.compile(r"^torch\.nn\.(?:RNN|LSTM|GRU|MultiheadAttention|Transformer(?:En|De)?(?:coderLayer)?)$")
_ON_BY_DEFAULT = re.compile(r"^torch\.nn\.Transformer")
_LIBRARY_MODELS = re.compile(
    r"^torchvision\.models\.(?:\w+\.)*(?:resnet|resnext|wide_resnet|vgg\d+|alexnet|densenet|mobilenet|efficientnet|googlenet"
    r"|inception|mnasnet|regnet|shufflenet|squeezenet|fcn|deeplab|lraspp)\w*$"
    r"|^segmentation_models_pytorch\.(?:Unet|UnetPlusPlus|MAnet|Linknet|FPN|PSPNet|PAN|DeepLabV3|DeepLabV3Plus)$"
)
_FUNCTIONAL = re.compile(r"^torch\.nn\.functional\.(?:dropout\w*|alpha_dropout|feature_alpha_dropout|batch_norm)$")


def mode_layer(file: File, value: Value) -> str | None:
    """The name of a layer in a module that depends on the mode ("Dropout", "BatchNorm2d"); None where none is known."""
    value = unwrapped(value)
    if isinstance(value, Result) and isinstance(value.function, Named):
        return "BatchNorm2d" if _LIBRARY_MODELS.match(value.function.name) else None
    if isinstance(value, Sequence):
        return _first(mode_layer(file, item) for item in value.items)
    if not isinstance(value, Made):
        return None
    facts = file.classes.named(value.name)
    if facts is not None:
        return None if _keeps_mode_itself(facts) else _in_class(facts, _DEPTH, set())
    if _LIBRARY_MODELS.match(value.name):
        return "BatchNorm2d"
    given = dict(value.keywords)
    rate = given.get("p", given.get("dropout", value.args[0] if value.args and _DROPOUT.match(value.name) else None))
    if _depends(value.name, rate is not None, isinstance(rate, Const) and not rate.value):
        return value.name.rpartition(".")[2]
    found = _first(mode_layer(file, part) for part in (*value.args, *given.values()))
    return found or _in_starred(file, value.call)


def _in_starred(file: File, call: cst.CSTNode) -> str | None:
    """`nn.Sequential(*layers)`: what the function makes that fills the list."""
    if not isinstance(call, cst.Call) or call not in file.tree.order or not file.has_star(call):
        return None
    function = file.function(call)
    return _in_body(file, function.body, 1, set()) if function is not None else None


def _keeps_mode_itself(facts: ClassFacts) -> bool:
    """A class that overrides `train`, or puts itself into eval mode when it is made, has a mode of its own."""
    if facts.method("train") is not None or facts.method("eval") is not None:
        return True
    return any("eval" in _names(one.methods["__init__"]) for one in facts.ancestry if "__init__" in one.methods)


def _names(function: cst.FunctionDef) -> set[str]:
    return {node.value for node in within(function.body) if isinstance(node, cst.Name)}


def _first(found: Iterator[str | None]) -> str | None:
    return next((name for name in found if name is not None), None)


def _in_class(facts: ClassFacts, depth: int, seen: set[cst.CSTNode]) -> str | None:
    return _first(_in_body(one.file, one.node.body, depth, seen) for one in facts.ancestry)


def _in_body(file: File, body: cst.CSTNode, depth: int, seen: set[cst.CSTNode]) -> str | None:
    """The first such layer that the code makes, itself or through the project's classes and functions."""
    if body in seen or depth == 0:
        return None
    seen.add(body)
    inner: list[cst.Call] = []
    for node in within(body):
        if isinstance(node, cst.Call) and (name := file.name(node.func)) is not None:
            if _FUNCTIONAL.match(name) and _follows_mode(file, node):
                return name.rpartition(".")[2]
            if name.startswith("torch.nn.") and _call_depends(file, node, name):
                return name.rpartition(".")[2]
            inner.append(node)
    return _first(_made_by(file, call, depth, seen) for call in inner)


def _made_by(file: File, call: cst.Call, depth: int, seen: set[cst.CSTNode]) -> str | None:
    name = file.name(call.func) or ""
    if _LIBRARY_MODELS.match(name):
        return "BatchNorm2d"
    facts = file.classes.named(name)
    if facts is not None:
        return _in_class(facts, depth - 1, seen) if facts.is_module else None
    other, definition = defined(file, name) or (file, None)
    return _in_body(other, definition.body, depth - 1, seen) if isinstance(definition, cst.FunctionDef) else None


def _follows_mode(file: File, call: cst.Call) -> bool:
    """`F.dropout(x, training=self.training)`."""
    training = file.argument(call, 2, "training")
    return training is not None and any(isinstance(n, cst.Name) and n.value == "training" for n in within(training))


def _call_depends(file: File, call: cst.Call, name: str) -> bool:
    rate = file.argument(call, 0 if _DROPOUT.match(name) else None, "p", "dropout")
    return _depends(name, rate is not None, rate is not None and not _may_be_on(file, rate))


def _may_be_on(file: File, rate: cst.BaseExpression) -> bool:
    """Whether a dropout rate is more than zero, as far as the code tells: a parameter whose default is 0 may be off."""
    known = file.constant(rate)
    if known is not None:
        return bool(known)
    if isinstance(rate, cst.Name) and (found := file.scopes.find(rate.value, rate)) is not None:
        defaults = [b.node.default for b in found[1] if isinstance(b.node, cst.Param)]
        return not any(default is not None and not file.constant(default, default=True) for default in defaults)
    return True


def _depends(name: str, given: bool, off: bool) -> bool:
    if _ALWAYS.match(name):
        return True
    if _DROPOUT.match(name):
        return not off
    if _WITH_DROPOUT.match(name):
        return not off if given else _ON_BY_DEFAULT.match(name) is not None
    return False
