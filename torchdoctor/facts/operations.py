"""Where torch's operations are used: as a function, a method, an operator or a layer, with their arguments by name.

What a check asks about is the same for `F.mse_loss(out, y)`, `nn.MSELoss()(out, y)` and `self.criterion(out, y)`, and
for `a @ b`, `a.matmul(b)` and `torch.matmul(a, b)`. A layer inside a Sequential that is called is an operation too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts.expressions import operator_symbol
from torchdoctor.facts.torch_api import Arguments, as_tensor, modules
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.operators import METHODS
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.tree import is_kind, within
from torchdoctor.facts.values import UNKNOWN, Known, Made, Named, Result, Sequence, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_SEQUENTIAL = "torch.nn.Sequential"
_HOPS = 4  # calls from another file's function back to the file that is looked at
_QUESTIONS = frozenset({
    "isinstance", "is_tensor", "hasattr", "type", "dtype", "is_floating_point", "ndim", "dim", "device", "is_cuda",
    "requires_grad",
})  # fmt: skip
_OPERATORS = (cst.BinaryOperation, cst.Comparison, cst.UnaryOperation)


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One use of one operation, in one flow.

    ``name`` is the name of the function or method ("mse_loss", "matmul"; "add" for a plus sign) or layer ("Linear"),
    ``layer`` the layer that was called. ``node`` is the call or the operator expression.
    """

    name: str
    node: cst.CSTNode = field(repr=False)
    flow: Flow = field(repr=False)
    use: Use = field(repr=False)
    layer: Made | None = None
    inside: bool = False  # a Sequential that is called at the node

    @property
    def file(self) -> File:
        return self.flow.file

    def value(self, name: str) -> Value | None:
        """An argument by torch's name for it; None where it is not given, or not known to be."""
        return self.use.given.get(name)

    def tensor(self, name: str = "input") -> Tensor | None:
        """An argument that may be a tensor, with what is known of it."""
        given = self.use.given.get(name)
        return as_tensor(given) if given is not None else None

    def expression(self, name: str = "input") -> cst.BaseExpression | None:
        """The expression of an argument, where it stands in the code."""
        node, given = self.node, self.use.given.get(name)
        if given is None:
            return None
        if isinstance(node, cst.Call):
            written = [arg.value for arg in node.args]
            if self.layer is None and isinstance(node.func, cst.Attribute) and self.file.name(node.func) is None:
                written.insert(0, node.func.value)
        elif isinstance(node, cst.BinaryOperation):
            written = [node.left, node.right]
        elif isinstance(node, cst.Comparison):
            written = [node.left, node.comparisons[0].comparator]
        else:
            written = [node.expression] if isinstance(node, cst.UnaryOperation) else []
        return next((one for one in written if self.flow.values.get(one) is given), None)


def operations(flow: Flow, names: frozenset[str]) -> Iterator[Operation]:
    """The operations of these names in a flow's own body."""
    for node in list(flow.values):
        if type(node) is cst.Call:
            yield from _called(flow, node, names)
        elif is_kind(type(node), _OPERATORS):
            found = _operator(flow, node)
            if found is not None and found[0] in names:
                name, operands = found
                row = table().methods[name]
                yield Operation(name, node, flow, Use(Arguments(node, operands, {}), row.parameters))


def _operator(flow: Flow, node: cst.CSTNode) -> tuple[str, tuple[Value, ...]] | None:
    """The method that an operator stands for, and its operands."""
    if isinstance(node, cst.BinaryOperation):
        symbol, parts = operator_symbol(node.operator), [node.left, node.right]
    elif isinstance(node, cst.UnaryOperation):
        symbol, parts = operator_symbol(node.operator), [node.expression]
    elif isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
        part = node.comparisons[0]
        symbol, parts = operator_symbol(part.operator), [node.left, part.comparator]
    else:
        return None
    name = METHODS.get(symbol)
    return (name, tuple(flow.value(part) for part in parts)) if name is not None else None


def _called(flow: Flow, call: cst.Call, names: frozenset[str]) -> Iterator[Operation]:
    callee = flow.values.get(call.func)
    if isinstance(callee, Made):
        if callee.name.startswith("torch.nn."):
            yield from _layers(flow, call, callee, names)
        return
    if isinstance(callee, Named):
        name = callee.name.rpartition(".")[2]
        row = table().functions.get(callee.name) if name in names else None
        values: tuple[Value, ...] = ()
    elif isinstance(call.func, cst.Attribute) and call.func.attr.value in names:
        name = call.func.attr.value
        receiver = flow.values.get(call.func.value)
        if receiver is None or flow.kind(receiver) not in (None, "tensor"):
            return
        row, values = table().methods.get(name), (receiver,)
    else:
        return
    if row is not None:
        yield Operation(name, call, flow, Use(_arguments(flow, call, values), row.parameters))


def _arguments(flow: Flow, call: cst.Call, before: tuple[Value, ...] = ()) -> Arguments:
    """What a call passes, after what is passed without being written in it."""
    values: list[Value] = list(before)
    keywords: dict[str, Value] = {}
    starred = False
    for arg in call.args:
        value = flow.values.get(arg.value, UNKNOWN)
        if arg.star == "*" and isinstance(value, Sequence) and not starred:
            values.extend(value.items)
        elif arg.star:
            starred = True
        elif arg.keyword is not None:
            keywords[arg.keyword.value] = value
        elif not starred:
            values.append(value)
    return Arguments(call, tuple(values), keywords, starred)


def _layers(flow: Flow, call: cst.Call, layer: Made, names: frozenset[str]) -> Iterator[Operation]:
    """The layer that is called; of a Sequential each layer in turn, as far as its input is known."""
    arguments = _arguments(flow, call)
    if layer.name != _SEQUENTIAL:
        yield from _layer(flow, call, layer, names, arguments, False)
        return
    values = arguments.values
    for place, one in enumerate(_flat(layer)):
        if one is None or len(values) != 1:
            return
        step = Arguments(call, values, {})
        yield from _layer(flow, call, one, names, step, True)
        result = modules.called(one.name, one, step, Result(call, one, place))
        values = (result if result is not None else Result(call, one, place),)


def _flat(layer: Made) -> Iterator[Made | None]:
    """The layers of a Sequential and of those in it; None for one that is not known."""
    for one in layer.args:
        if isinstance(one, Made) and one.name == _SEQUENTIAL:
            yield from _flat(one)
        else:
            yield one if isinstance(one, Made) and one.name.startswith("torch.nn.") else None


def _layer(
    flow: Flow, call: cst.Call, layer: Made, names: frozenset[str], arguments: Arguments, inside: bool
) -> Iterator[Operation]:
    name = layer.name.rpartition(".")[2]
    row = table().modules.get(layer.name) if name in names else None
    if row is not None:
        yield Operation(name, call, flow, row.use(layer, arguments), layer, inside)


# -- over a file and what it calls -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a check says of an operation, and where in the file that is looked at."""

    operation: Operation
    says: object
    node: cst.CSTNode = field(repr=False)

    @property
    def elsewhere(self) -> bool:
        """Whether the operation stands in another file, which is called from the node."""
        return self.node is not self.operation.node


Judge = Callable[[Operation], "object | None"]


def judged(
    file: File, names: frozenset[str], judge: Judge, *groups: frozenset[str], flows: list[Flow] | None = None
) -> Iterator[Verdict]:
    """What ``judge`` says of the operations of these names: in this file, and in what it calls in others.

    Looked at are the flows that ``groups`` of words lead to, as Flows.touching takes them, or ``flows``. Of each place
    the first verdict counts; one that the other file gives by itself is left to it.
    """
    seen: set[cst.CSTNode] = set()
    around = reached(file, file.flows.touching(*groups) if flows is None else flows)
    for flow in (flow for flow in around if flow.file is file):
        for operation in operations(flow, names):
            if operation.node in seen or (says := judge(operation)) is None or is_asked_about(operation):
                continue
            seen.add(operation.node)
            yield Verdict(operation, says, operation.node)
    for flow in (flow for flow in around if flow.file is not file):
        for operation in operations(flow, names):
            place = None if operation.node in seen else _way_back(flow, file, _HOPS)
            if place is None or (says := judge(operation)) is None or is_asked_about(operation):
                continue
            if _by_itself(operation, judge, names):
                continue
            seen.add(operation.node)
            yield Verdict(operation, says, place)


def is_asked_about(operation: Operation) -> bool:
    """Whether a question about what sort of thing something is decides if the operation is reached at all."""
    file = operation.file
    for above in file.ancestors(operation.node):
        if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
            return False
        if isinstance(above, (cst.If, cst.IfExp)):
            names = (part.value for part in within(above.test) if isinstance(part, cst.Name))
            if not _QUESTIONS.isdisjoint(names):
                return True
    return False


def reached(file: File, flows: list[Flow]) -> list[Flow]:
    """These flows, and those of all functions that they call, of this file and of others."""
    by_caller: dict[cst.CSTNode, list[Flow]] = {}
    for flow in file.flows.all_contexts():
        for node in flow.callers:
            by_caller.setdefault(node, []).append(flow)
    found = list(dict.fromkeys(flows))
    known = set(found)
    for flow in found:  # grows while it is read
        for node in flow.values.keys() & by_caller.keys():
            new = [called for called in by_caller[node] if called not in known]
            found += new
            known.update(new)
    return found


def _way_back(flow: Flow, file: File, hops: int) -> cst.CSTNode | None:
    """The call in this file that leads to a flow of another."""
    for node, owner in flow.callers.items():
        if owner is file:
            return node
        function = owner.function(node)
        if hops and function is not None:
            for caller in file.flows.contexts(function):
                found = _way_back(caller, file, hops - 1) if caller is not flow else None
                if found is not None:
                    return found
    return None


def _by_itself(operation: Operation, judge: Judge, names: frozenset[str]) -> bool:
    """Whether the file of the operation says the same, knowing nothing of who calls."""
    function = operation.file.function(operation.node)
    flow = operation.file.flows.by_itself(function) if function is not None else operation.file.flows.module
    own = (one for one in operations(flow, names) if one.node is operation.node)
    return any(judge(one) is not None for one in own)


def reasons(verdict: Verdict, *facts: tuple[Known[Any] | None, str]) -> tuple[tuple[cst.CSTNode, str, File], ...]:
    """Marks of the places that facts rest on, where these stand in a file at hand and are not the finding's own.

    An operation in another file is marked too.
    """
    operation = verdict.operation
    files = list(dict.fromkeys((operation.file, *operation.flow.callers.values())))
    marks = {operation.node: ("it happens here", operation.file)} if verdict.elsewhere else {}
    for known, text in facts:
        node = known.because if known is not None else None
        owner = next((file for file in files if node in file.tree.order), None)
        if node is not None and owner is not None and node not in (verdict.node, operation.node):
            marks.setdefault(node, (text, owner))
    return tuple((node, text, file) for node, (text, file) in marks.items())
