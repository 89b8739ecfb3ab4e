"""Which calls write their result into their input: in-place activations, and modules that begin with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.layers import made_modules
from torchdoctor.facts.origins import Origin, called_function
from torchdoctor.facts.registry import contents
from torchdoctor.facts.remembered import remembered

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File

# Position of `inplace` by name, in the function (counting the input) and in the class.
_PLACES = {
    "relu": (1, "ReLU", 0), "relu6": (1, "ReLU6", 0), "leaky_relu": (2, "LeakyReLU", 1), "elu": (2, "ELU", 1),
    "selu": (1, "SELU", 0), "celu": (2, "CELU", 1), "silu": (1, "SiLU", 0), "mish": (1, "Mish", 0),
    "hardswish": (1, "Hardswish", 0), "hardsigmoid": (1, "Hardsigmoid", 0), "hardtanh": (3, "Hardtanh", 2),
    "threshold": (3, "Threshold", 2), "rrelu": (4, "RReLU", 2), "dropout": (3, "Dropout", 1),
    "dropout1d": (3, "Dropout1d", 1), "dropout2d": (3, "Dropout2d", 1), "dropout3d": (3, "Dropout3d", 1),
    "alpha_dropout": (3, "AlphaDropout", 1),
}  # fmt: skip
_FUNCTIONS = {f"torch.nn.functional.{name}": (name, place) for name, (place, _, _) in _PLACES.items()}
_CLASSES = {f"torch.nn.{kind}": (name, place) for name, (_, kind, place) in _PLACES.items()}
_UNDERSCORED = frozenset({"relu_", "leaky_relu_", "elu_", "selu_", "celu_", "sigmoid_", "tanh_", "hardtanh_", "rrelu_"})
# Done twice, they change nothing more.
_IDEMPOTENT = frozenset({"relu", "relu6", "hardtanh"})
# Functions, methods and classes whose result a ReLU leaves as it is.
_NOT_NEGATIVE = frozenset({
    "relu", "relu_", "sigmoid", "softmax", "exp", "abs", "square", "relu6", "ReLU", "ReLU6", "Sigmoid", "Softmax",
})  # fmt: skip
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class InPlace:
    """What makes a call write into its input: the node that asks for it (`True`, or a name with an underscore)."""

    file: File
    node: cst.CSTNode
    activation: str

    @property
    def idempotent(self) -> bool:
        return self.activation in _IDEMPOTENT


@dataclass(frozen=True, slots=True)
class Write:
    """A call that writes into its input."""

    call: cst.Call
    how: InPlace


def writes_into_input(file: File, call: cst.Call, depth: int = _DEPTH) -> InPlace | None:
    """How a call writes its result into its input (see ``input_of``); None where it does not, or not on every way."""
    name = file.name(call.func) or ""
    if name in _FUNCTIONS:
        activation, place = _FUNCTIONS[name]
        asked = file.argument(call, place, "inplace")
        return InPlace(file, asked, activation) if asked is not None and file.constant(asked) is True else None
    last = call.func.attr.value if type(call.func) is cst.Attribute else name.rpartition(".")[2]
    if last in _UNDERSCORED:
        of_torch = name in (f"torch.{last}", f"torch.nn.functional.{last}")
        of_tensor = not name and type(call.func) is cst.Attribute
        return InPlace(file, call.func, last[:-1]) if of_torch or of_tensor else None
    if depth == 0 or not call.args or call.args[0].star or name.startswith(("torch.", "builtins.", "numpy.")):
        return None
    function = called_function(file, call)
    if function is not None:
        is_method = isinstance(function[0].parent(function[0].parent(function[1]) or call), cst.ClassDef)
        return _of_function(*function, 1 if is_method else 0, depth)
    found = [_of_module(made, depth) for made in made_modules(file, call.func)]
    return found[0] if found and all(one is not None for one in found) else None


def input_of(file: File, call: cst.Call) -> cst.BaseExpression | None:
    """The expression of the tensor that an in-place call writes into: its receiver or its first argument."""
    if type(call.func) is cst.Attribute and call.func.attr.value in _UNDERSCORED and file.name(call.func) is None:
        return call.func.value
    return call.args[0].value if call.args and not call.args[0].star else None


def _of_module(made: Origin, depth: int) -> InPlace | None:
    """What a module does to its input that is made by this call."""
    file, call = made.file, made.node
    if type(call) is not cst.Call:
        return None
    name = file.name(call.func) or ""
    if name in _CLASSES:
        activation, place = _CLASSES[name]
        asked = file.argument(call, place, "inplace")
        return InPlace(file, asked, activation) if asked is not None and file.constant(asked) is True else None
    if name == "torch.nn.Sequential":
        return _of_first(file, list(_parts(file, call)), depth)
    facts = file.classes.named(name)
    return _of_class(facts, depth) if facts is not None else None


def _of_first(file: File, parts: list[Origin], depth: int) -> InPlace | None:
    """What a row of modules does to its input: what the first of them does."""
    if not parts or _is_conditional(parts[0]):
        return None
    found = [_of_module(made, depth - 1) for made in made_modules(parts[0].file, parts[0].node)] if depth else []
    return found[0] if found and all(one is not None for one in found) else None


def _is_conditional(part: Origin) -> bool:
    """Whether a part is put first only if something holds."""
    for above in part.file.ancestors(part.node):
        if isinstance(above, (cst.If, cst.For, cst.While, cst.FunctionDef)):
            return type(above) is not cst.FunctionDef
    return False


def _parts(file: File, call: cst.Call) -> Iterator[Origin]:
    for arg in call.args:
        inner = contents(file, arg.value)
        if inner is None:
            yield Origin(file, arg.value)
            if arg.star:
                return
            continue
        yield from (part for part in inner if type(part.node) is not cst.SimpleString)


def _of_function(file: File, function: cst.FunctionDef, place: int, depth: int) -> InPlace | None:
    """What a function of the project does to its parameter at that position."""
    from torchdoctor.facts.aliasing import Aliasing

    known: dict[cst.FunctionDef, InPlace | None] = remembered(file, "writes of functions")
    if function not in known:
        known[function] = None  # cuts recursion
        calls = file.below(function.body, cst.Call)
        if any(writes_into_input(file, call, depth - 1) is not None for call in calls):
            known[function] = Aliasing(file, function, depth - 1).written_parameter(place)
    return known[function]


def _of_class(facts: ClassFacts, depth: int) -> InPlace | None:
    """What a module class of the project does to the first argument of its forward."""
    forward = facts.method("forward")
    if forward is not None:
        return _of_function(forward[0].file, forward[1], 1, depth)
    constructor = facts.method("__init__")
    if constructor is None or facts.external != {"torch.nn.Sequential"}:
        return None
    owner, method = constructor
    for call in owner.file.calls_by_method.get("__init__", ()):
        if owner.file.function(call) is method and owner is facts:
            return _of_first(owner.file, list(_parts(owner.file, call)), depth)
    return None


def gives_not_negative(file: File, value: cst.BaseExpression) -> bool:
    """Whether a new tensor comes from a function or layer whose results a ReLU leaves as they are."""
    if type(value) is not cst.Call:
        return False
    name = file.name(value.func)
    if name is None and type(value.func) is cst.Attribute:
        name = value.func.attr.value
    if name is not None and name.rpartition(".")[2] in _NOT_NEGATIVE:
        return True
    calls = [(made.file, made.node) for made in made_modules(file, value.func)]
    names = [owner.name(call.func) for owner, call in calls if type(call) is cst.Call]
    return bool(names) and all(name is not None and name[len("torch.nn.") :] in _NOT_NEGATIVE for name in names)
