"""What torch refuses in the runs of a file: each fault once, where it is to be seen in that file.

Only runs that begin in the file count: its own body, and each function that nothing in sight calls. What these step
into is theirs, so that a call inside `pytest.raises` tells nothing of the function that is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.handed import is_handed_on
from torchdoctor.facts.layout import short
from torchdoctor.facts.refusal import Refused
from torchdoctor.facts.state import State
from torchdoctor.facts.values import Made, Param, Value

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

# Tests that may keep what is refused from being reached: they ask about shapes, or about what there is.
_ASKS = re.compile(r"\b(?:shape|size|dim|ndim|ndimension|len|isinstance|hasattr|numel|is_tensor|is_scripting|rank)\b")
_EXPECTED = re.compile(r"\b(?:xfail|expectedFailure|skip|raises)\b")
# How else than by calling it whole a Sequential may be used.
_APART = frozenset(
    {"children", "named_children", "modules", "insert", "pop", "extend", "append", "add_module", "forward"}
)
_TAKING = frozenset({"enumerate", "zip", "list", "tuple", "iter", "reversed", "len", "range", "map", "ModuleList"})


class Refusals:
    """The refusals of one file, worked out once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._found: dict[tuple[str, cst.CSTNode], Refused] | None = None

    def of(self, rule: str) -> Iterator[tuple[cst.CSTNode, Refused]]:
        """The refusals of one rule, each with the node of the file to blame."""
        if self._found is None:
            self._found = {}
            for flow in self._flows():
                for refused in flow.refused:
                    place = self._place(refused) if self._is_sure(refused) else None
                    if place is None:
                        continue
                    known = self._found.get((refused.refusal.rule, place))
                    if known is None or (known.unasked and not refused.unasked):
                        self._found[(refused.refusal.rule, place)] = refused
        return ((place, refused) for (name, place), refused in self._found.items() if name == rule)

    def _flows(self) -> Iterator[Flow]:
        flows = self.file.flows
        for flow in flows.touching():
            if flow.node is self.file.module or not flow.known_callers:
                yield flow
        yield from flows.inherited
        for facts in self.file.classes.modules:
            yield from self._by_default(facts)

    def _by_default(self, facts: ClassFacts) -> Iterator[Flow]:
        """`forward` of an instance that is made without arguments: with the constructor's defaults."""
        forward, init = facts.methods.get("forward"), facts.method("__init__")
        if forward is None or init is None or init[1].decorators or facts.node.decorators:
            return  # what decorates a constructor, or enters a class into a registry, may give it other arguments
        if not any(_is_number(param.default) for param in _params(init[1])):
            return
        receiver = forward.params.params[:1] or forward.params.posonly_params[:1]
        names: dict[str, Value] = {
            param.name.value: Param(forward, param.name.value) for param in (*_params(forward), *_stars(forward))
        }
        if receiver:
            names[receiver[0].name.value] = Made(facts.name, facts.node)
            yield self.file.flows.run(forward, State(names), aside=True, known_callers=False)

    # -- which count --------------------------------------------------------------------------------------------------

    def _is_sure(self, refused: Refused) -> bool:
        if refused.unasked and (refused.refusal.layer is None or self._is_taken_apart(refused.node)):
            return False
        tests = [arm.test for arm in refused.arms if arm.test is not None]
        if any(_ASKS.search(_text(test)) for test in tests) or self._is_asserted(refused.node):
            return False
        function = self.file.function(self._here(refused) or self.file.module)
        return function is None or not any(_EXPECTED.search(_text(d.decorator)) for d in function.decorators)

    def _is_asserted(self, node: cst.CSTNode) -> bool:
        """Whether the line before asserts that the shapes are in order: then what is known of them is out of date."""
        line = self.file.statement(node) if self.file.holds(node) else None
        block = self.file.parent(line) if line is not None else None
        before = list(block.body) if isinstance(block, (cst.IndentedBlock, cst.Module)) else []
        asserted = before[before.index(line) - 1] if line in before[1:] else None
        return isinstance(asserted, cst.SimpleStatementLine) and any(
            isinstance(small, cst.Assert) and _ASKS.search(_text(small.test)) for small in asserted.body
        )

    def _here(self, refused: Refused) -> cst.CSTNode | None:
        """The innermost of the calls that led to it, or its own node, that stands in this file and is to blame."""
        if refused.file is self.file and not (refused.via and is_handed_on(refused)):
            return refused.node
        return next((node for node in reversed(refused.via) if self.file.holds(node)), None)

    def _place(self, refused: Refused) -> cst.CSTNode | None:
        """The node to blame; None where another file has the fault all by itself."""
        layer = refused.refusal.layer
        if refused.file is self.file:
            here = self._here(refused)
            return layer if here is refused.node and layer is not None and self._is_beside(layer, refused) else here
        alone = refused.file.refusals
        if alone is not self and any(other.node is refused.node for _, other in alone.of(refused.refusal.rule)):
            return None
        return self._here(refused)

    def _is_beside(self, layer: cst.CSTNode, refused: Refused) -> bool:
        """Whether a layer stands where its Sequential is put together: one that a function gave is not to blame."""
        made = refused.callee.call if isinstance(refused.callee, Made) else refused.node
        return self.file.holds(layer) and self.file.function(layer) is self.file.function(made)

    def _is_taken_apart(self, made: cst.CSTNode) -> bool:
        """Whether a Sequential that nothing calls in sight may serve as a list of layers."""
        above = self.file.parent(made)
        while isinstance(above, (cst.Arg, cst.Call, cst.Element, cst.List, cst.Tuple, cst.StarredElement)):
            above = self.file.parent(above)
        if not isinstance(above, (cst.Assign, cst.AnnAssign)):
            return not isinstance(above, cst.Return)
        targets = [part.target for part in above.targets] if isinstance(above, cst.Assign) else [above.target]
        for target in targets:
            name = target.attr if isinstance(target, cst.Attribute) else target
            if not isinstance(name, cst.Name) or any(map(self._takes, self.file.mentions.get(name.value, ()))):
                return True
        return False

    def _takes(self, name: cst.Name) -> bool:
        node: cst.CSTNode = name
        above = self.file.parent(node)
        if isinstance(above, cst.Attribute) and above.attr is name:
            node, above = above, self.file.parent(above)
        if isinstance(above, cst.Attribute):
            return above.attr.value in _APART
        if isinstance(above, cst.Arg):
            call = self.file.parent(above)
            called = call.func if isinstance(call, cst.Call) else None
            last = called.attr if isinstance(called, cst.Attribute) else called
            return above.star == "*" or (isinstance(last, cst.Name) and last.value in _TAKING)
        return isinstance(above, (cst.For, cst.CompFor, cst.Subscript, cst.StarredElement))


# -- in words ---------------------------------------------------------------------------------------------------------


def message(refused: Refused) -> str:
    """What is refused, by what, with the numbers."""
    return f"`{_subject(refused)}` {refused.refusal.says}"


def _subject(refused: Refused) -> str:
    file, node, layer = refused.file, refused.node, refused.refusal.layer
    if layer is not None:
        return short(file, layer)
    called = isinstance(refused.callee, Made) and refused.callee.call is not node
    return short(file, node.func if called and isinstance(node, cst.Call) else node)


def marks(file: File, place: cst.CSTNode, refused: Refused) -> tuple[tuple[cst.CSTNode, str, File], ...]:
    """Where the layer was made, and where the sizes come from; as far as that is in the file or in the other's."""
    found: dict[cst.CSTNode, str] = {}
    if isinstance(refused.callee, Made) and refused.refusal.layer is None:
        found[refused.callee.call] = "made here"
    if refused.refusal.layer is not None:
        found[refused.refusal.layer] = "made here"
    for node, text in refused.refusal.causes:
        found.setdefault(node, text)
    if place is not refused.node and place is not refused.refusal.layer:
        found.setdefault(refused.node, "refused here")
    found.pop(place, None)
    owners = (
        (node, text, next((own for own in (file, refused.file) if own.holds(node)), None))
        for node, text in found.items()
    )
    return tuple((node, text, owner) for node, text, owner in owners if owner is not None)


def _text(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _params(function: cst.FunctionDef) -> list[cst.Param]:
    params = function.params
    return [*params.posonly_params, *params.params, *params.kwonly_params]


def _stars(function: cst.FunctionDef) -> list[cst.Param]:
    return [one for one in (function.params.star_arg, function.params.star_kwarg) if isinstance(one, cst.Param)]


def _is_number(node: cst.BaseExpression | None) -> bool:
    return isinstance(node, cst.Integer)
