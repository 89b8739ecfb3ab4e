"""The expressions that Python asks for their truth, and whether one may be a tensor, by the text alone.

Most tests of real code are of flags, names and numbers. Telling so costs next to nothing, where evaluating the function
around them costs a lot.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.literals import MISSING, literal
from torchdoctor.facts.reach import called_by
from torchdoctor.facts.scopes import Binding
from torchdoctor.facts.tree import within

_STATEMENTS = (cst.If, cst.While, cst.Assert, cst.IfExp)
_IDENTITY = (cst.Is, cst.IsNot, cst.In, cst.NotIn)
_TEXTS = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)
_NEVER = frozenset({"import", "function", "class", "except"})  # kinds of bindings that hold no tensor
_PARTS: dict[type, tuple[str, ...]] = {
    cst.BinaryOperation: ("left", "right"),
    cst.BooleanOperation: ("left", "right"),
    cst.UnaryOperation: ("expression",),
    cst.IfExp: ("body", "orelse"),
    cst.Subscript: ("value",),
}
# Functions and methods that never give a tensor; `x.any()` and `x.max()` of a whole tensor give a single element.
_PLAIN_FUNCTIONS = frozenset({
    "len", "isinstance", "issubclass", "hasattr", "callable", "all", "any", "int", "float", "bool", "str", "id", "type",
    "getattr", "tuple", "list", "dict", "set", "sorted", "range",
})  # fmt: skip
_PLAIN_METHODS = frozenset({
    "is_tensor", "is_available", "is_floating_point", "is_complex", "is_contiguous", "item", "dim", "ndimension",
    "numel", "nelement", "tolist", "size", "stride", "element_size", "allclose", "equal", "startswith", "endswith",
    "get", "getenv", "isfile", "isdir", "is_integer", "random", "exists", "is_file", "is_dir", "isdigit", "lower",
    "upper", "strip", "join", "keys", "items", "pop", "is_grad_enabled", "is_initialized", "is_scripting",
    "is_tracing", "is_exporting", "get_rank", "get_world_size", "match", "search",
})  # fmt: skip
_ASKING = ("is_", "has_", "use_", "can_", "should_")
_PLAIN_ATTRIBUTES = frozenset({"shape", "ndim", "dtype", "device", "training", "requires_grad", "is_cuda", "layout"})
# Attributes that are tensors of whatever is a tensor, or of what torch gives back.
_OF_TENSORS = frozenset({"T", "mT", "H", "data", "grad", "values", "indices", "real", "imag", "logits"})
_DEPTH = 10


def asked(file: File) -> Iterator[cst.BaseExpression]:
    """The expressions that Python asks for their truth."""
    for kind in _STATEMENTS:
        for node in file.nodes(kind):
            yield node.test  # type: ignore[attr-defined]
    for both in file.nodes(cst.BooleanOperation):
        yield both.left
    for single in file.nodes(cst.UnaryOperation):
        if type(single.operator) is cst.Not:
            yield single.expression
    for call in file.calls("builtins.bool"):
        if len(call.args) == 1:
            yield call.args[0].value


class MayBeTensor:
    """What the text of one file leaves open to be a tensor."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._told: dict[cst.BaseExpression, bool] = {}

    @cached_property
    def _written(self) -> dict[str, list[cst.BaseExpression]]:
        """What is assigned to attributes, by the attribute's name, whatever stands before the dot."""
        found: dict[str, list[cst.BaseExpression]] = {}
        for node in self.file.nodes(cst.Assign):
            for target in node.targets:
                parts = target.target.elements if type(target.target) is cst.Tuple else [target]
                for part in parts:
                    place = part.value if type(part) is cst.Element else target.target
                    if type(place) is cst.Attribute:
                        found.setdefault(place.attr.value, []).append(node.value)
        return found

    def __call__(self, node: cst.BaseExpression, depth: int = _DEPTH) -> bool:
        known = self._told.get(node)
        if known is not None:
            return known
        if depth == 0:
            return True
        self._told[node] = False  # `x = x + 1` says nothing of x
        found = self._told[node] = self._may(node, depth)
        return found

    def _may(self, node: cst.BaseExpression, depth: int) -> bool:
        if type(node) is cst.Name:
            found = self.file.scopes.find(node.value, node)
            return found is not None and any(self._bound(binding, depth - 1) for binding in found[1])
        if type(node) is cst.Attribute:
            return self._attribute(node, depth)
        if type(node) is cst.Comparison:
            return self._comparison(node, depth)
        if type(node) is cst.Call:
            return _may_give_tensor(node.func)
        if type(node) is cst.Tuple:
            return True  # a part of it
        if type(node) is cst.UnaryOperation and type(node.operator) is cst.Not:
            return False
        return any(self(getattr(node, part), depth - 1) for part in _PARTS.get(type(node), ()))

    def _comparison(self, node: cst.Comparison, depth: int) -> bool:
        sides = [node.left, *(part.comparator for part in node.comparisons)]
        if any(isinstance(part.operator, _IDENTITY) for part in node.comparisons):
            return False
        return not any(isinstance(side, _TEXTS) for side in sides) and any(self(side, depth - 1) for side in sides)

    def _attribute(self, node: cst.Attribute, depth: int) -> bool:
        name = node.attr.value
        if name in _PLAIN_ATTRIBUTES:
            return False
        return name in _OF_TENSORS or any(self(value, depth - 1) for value in self._written.get(name, ()))

    def _bound(self, binding: Binding, depth: int) -> bool:
        if type(binding.node) is cst.Param:
            return self._given(binding.node, depth)
        if binding.kind in _NEVER:
            return False
        if isinstance(binding.node, (cst.For, cst.CompFor)):
            return not self._counts(binding)
        whole = self.file.enclosing(binding.node, cst.Assign) if type(binding.node) is cst.AssignTarget else None
        value = binding.value if whole is None else whole.value
        return value is None or self(value, depth)

    def _counts(self, binding: Binding) -> bool:
        """Whether a loop's variable is a number of `range` or `enumerate`."""
        loop = binding.node
        assert isinstance(loop, (cst.For, cst.CompFor))
        called = loop.iter.func if type(loop.iter) is cst.Call else None
        name = called.value if type(called) is cst.Name else ""
        first = loop.target.elements[0].value if type(loop.target) is cst.Tuple else loop.target
        is_first = type(first) is cst.Name and first.value == binding.name
        return is_first and (name == "range" or (name == "enumerate" and first is not loop.target))

    def _given(self, param: cst.Param, depth: int) -> bool:
        """Whether a parameter's annotation names a tensor, or the file calls its function with what may be one."""
        if param.annotation is not None:
            texts = [part.value for part in within(param.annotation) if isinstance(part, (cst.Name, cst.SimpleString))]
            return any("Tensor" in text or text == "Any" for text in texts)
        if param.default is not None and literal(param.default) not in (MISSING, None):
            return False
        function = self.file.enclosing(param, cst.FunctionDef, cst.Lambda)
        if type(function) is not cst.FunctionDef:
            return True
        mentions = self.file.mentions.get(called_by(self.file, function), ())
        if function.name.value in ("forward", "__call__"):
            return len(mentions) > 1
        return any(self._passes(name, depth) for name in mentions)

    def _passes(self, name: cst.Name, depth: int) -> bool:
        """Whether what may be a tensor is given to what is called here."""
        above = self.file.parent(name)
        callee, call = (above, self.file.parent(above)) if type(above) is cst.Attribute else (name, above)
        if type(call) is not cst.Call or call.func is not callee:
            return not isinstance(above, (cst.FunctionDef, cst.ImportAlias))
        return any(arg.star != "" or self(arg.value, depth - 1) for arg in call.args)


def _may_give_tensor(called: cst.BaseExpression) -> bool:
    """Whether what is called so may give a tensor, by its name."""
    if type(called) is cst.Attribute:
        return called.attr.value not in _PLAIN_METHODS and not called.attr.value.startswith(_ASKING)
    if type(called) is cst.Name:
        return called.value not in _PLAIN_FUNCTIONS and not called.value.startswith(_ASKING)
    return True
