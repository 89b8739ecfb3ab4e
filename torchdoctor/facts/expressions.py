"""Expressions to values: the part of a run that looks at one expression at a time.

Everything is evaluated in Python's order, calls included, so that events come in the order in which they happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts import torch_api
from torchdoctor.facts.batches import batch_of
from torchdoctor.facts.configured import parsed_default, project_constant
from torchdoctor.facts.constants import NAMED_CONSTANTS, compared, constant, identical, written
from torchdoctor.facts.containers import ANY, layer_at, layers_of
from torchdoctor.facts.events import Arm
from torchdoctor.facts.joins import join
from torchdoctor.facts.stacks import begin
from torchdoctor.facts.state import joined
from torchdoctor.facts.tensor import size
from torchdoctor.facts.turns import one_by_one
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Element,
    Free,
    Function,
    Item,
    Known,
    Made,
    Method,
    Named,
    OneOf,
    Result,
    Self,
    Sequence,
    Shape,
    Tensor,
    Unknown,
    Value,
    const,
)

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

_ARITHMETIC: dict[type, str] = {
    cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.FloorDivide: "//", cst.Modulo: "%",
    cst.Power: "**", cst.MatrixMultiply: "@", cst.BitAnd: "&", cst.BitOr: "|", cst.BitXor: "^", cst.LeftShift: "<<",
    cst.RightShift: ">>", cst.AddAssign: "+", cst.SubtractAssign: "-", cst.MultiplyAssign: "*", cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//", cst.ModuloAssign: "%", cst.PowerAssign: "**", cst.MatrixMultiplyAssign: "@",
    cst.BitAndAssign: "&", cst.BitOrAssign: "|", cst.BitXorAssign: "^", cst.LeftShiftAssign: "<<",
    cst.RightShiftAssign: ">>", cst.Equal: "==", cst.NotEqual: "!=", cst.LessThan: "<", cst.LessThanEqual: "<=",
    cst.GreaterThan: ">", cst.GreaterThanEqual: ">=", cst.Minus: "neg", cst.Plus: "pos", cst.BitInvert: "~",
}  # fmt: skip
# Iterables that hand on the elements of what they are given.
_PASSING = frozenset({
    "builtins.iter", "builtins.list", "builtins.tuple", "builtins.sorted", "builtins.reversed", "builtins.set",
    "itertools.islice", "itertools.cycle", "itertools.chain", "alive_progress.alive_it",
})  # fmt: skip


def operator_symbol(node: cst.CSTNode) -> str:
    """ "+" for Add, "neg" for a minus sign before a value ..."""
    return _ARITHMETIC.get(type(node), "?")


class Expressions:
    """Evaluates the expressions of one run. Calls go to ``run.calls``."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def value(self, node: cst.CSTNode) -> Value:
        """The value of an expression; remembered for whoever asks about the node later."""
        run = self.run
        budget = run.budget
        budget[0] -= 1
        if budget[0] < 0:
            run.cut_off()
        handler = _BY_KIND.get(type(node))
        value = handler(self, node) if handler is not None else written(node)
        run.values[node] = value
        return value

    def _call(self, node: cst.Call) -> Value:
        return self.run.calls.call(node)

    # -- names and attributes -------------------------------------------------------------------------------------

    def _name(self, node: cst.Name) -> Value:
        name = node.value
        value = self.run.state.names.get(name)
        if value is not None:
            return value
        return NAMED_CONSTANTS[name] if name in NAMED_CONSTANTS else self.run.bindings.outside(node)

    def _attribute(self, node: cst.Attribute) -> Value:
        root: cst.CSTNode = node
        while type(root) is cst.Attribute:
            root = root.value
        if type(root) is cst.Name and root.value not in self.run.state.names:
            full = self.run.file.name(node)
            if full is not None:
                return self.attribute(Named(full.rpartition(".")[0]), node.attr.value, node)
        return self.attribute(self.value(node.value), node.attr.value, node)

    def attribute(self, of: Value, name: str, node: cst.CSTNode) -> Value:
        """`of.name`, from what was written to it, from its class, or as torch defines it."""
        written = self.run.state.heap.ask(of, name)
        if written is not None:
            return written
        if isinstance(of, OneOf):
            values = [self.attribute(option, name, node) for option in of.options]
            result = values[0]
            for value in values[1:]:
                result = join(result, value)
            return result
        if isinstance(of, Unknown):
            return UNKNOWN
        if isinstance(of, Named):
            return project_constant(f"{of.name}.{name}", self.run.file) or Named(f"{of.name}.{name}")
        if isinstance(of, (Self, Made)):
            known = self.run.flows.instances.attribute(self.run, of, name)
            if known is not None:
                return known
        if isinstance(of, Result) and (known := parsed_default(of, name, self.run.file)) is not None:
            return known
        if isinstance(of, (Tensor, torch_api.Fields)) or name in ("shape", "T", "mT", "H", "data", "ndim"):
            known = torch_api.attribute(of, name, node, self.run.grad_fact())
            if known is not None:
                return known
        if isinstance(of, Tensor) and of.models:
            # A model's output that has fields: each is as much of the graph as the whole.
            return Tensor(node, of=Attr(of, name), models=of.models, grad=of.grad)
        return Attr(of, name)

    # -- containers -----------------------------------------------------------------------------------------------

    def _items(self, node: cst.Tuple | cst.List | cst.Set) -> tuple[Value, ...]:
        return tuple(
            UNKNOWN if type(e) is cst.StarredElement and self.value(e) else self.value(e.value) for e in node.elements
        )

    def _list(self, node: cst.List) -> Value:
        return begin(self.run.state.heap, Made("builtins.list", node, self._items(node)))

    def _dict(self, node: cst.Dict) -> Value:
        pairs = []
        for element in node.elements:
            if isinstance(element, cst.DictElement):
                key, value = self.value(element.key), self.value(element.value)
                if isinstance(key, Const):
                    pairs.append((str(key.value), value))
            else:
                self.value(element.value)
        return Made("builtins.dict", node, (), tuple(pairs))

    def _comprehension(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp) -> Value:
        run, before = self.run, dict(self.run.state.names)
        items = one_by_one(run, node) if isinstance(node, (cst.ListComp, cst.GeneratorExp)) else ()
        depth = self._enter_for(node.for_in)
        if isinstance(node, cst.DictComp):
            self.value(node.key)
            element = self.value(node.value)
        else:
            element = self.value(node.elt)
        del run.loops[len(run.loops) - depth :]
        self.run.state.names = before
        if items:
            return Made("builtins.list", node, items)
        made = Made("builtins.list", node, (), ((ANY, element),))
        if isinstance(node, cst.DictComp):
            made = Made("builtins.dict", node)
        self.run.state.heap.put(made, "[]", element)
        return made

    def _enter_for(self, clause: cst.CompFor) -> int:
        """Bind the targets of a comprehension's clauses; returns how many loops were entered."""
        iterable = self.value(clause.iter)
        self.run.emit("iterate", clause.iter, iterable)
        self.run.loops.append(clause)
        self.run.bindings.bind(clause.target, self.element(iterable, clause))
        for condition in clause.ifs:
            self.value(condition.test)
        return 1 + (self._enter_for(clause.inner_for_in) if clause.inner_for_in is not None else 0)

    def element(self, iterable: Value, loop: cst.CSTNode) -> Value:
        """What a loop over the iterable gives its target each time."""
        if isinstance(iterable, Result) and isinstance(iterable.function, Named):
            name = iterable.function.name
            args = self.run.calls.arguments_of.get(iterable.call, ((), {}))[0]
            if name == "builtins.enumerate" and args:
                return Sequence((Result(loop, Named("builtins.int"), 0), self.element(args[0], loop)))
            if name == "builtins.zip" and args:
                return Sequence(tuple(self.element(arg, loop) for arg in args))
            if (name in _PASSING or name.rpartition(".")[2] in ("tqdm", "track")) and args:
                return self.element(args[0], loop)
            if name == "builtins.range":
                return Result(loop, Named("builtins.int"))
        if isinstance(iterable, Sequence) and iterable.items:
            return self._any_of(iterable.items)
        if isinstance(iterable, Made) and iterable.name in ("builtins.list", "builtins.set"):
            added = self.run.state.heap.ask(iterable, "[]")
            items = (*iterable.args, *([added] if added is not None else []))
            if items:
                return self._any_of(items)
        if isinstance(iterable, Made) and iterable.name in ("tqdm.tqdm", "tqdm.auto.tqdm") and iterable.args:
            return self.element(iterable.args[0], loop)
        if (layers := layers_of(iterable, self.run.file)) is not None:
            return self._any_of(layers)
        if isinstance(iterable, Made) and (batch := batch_of(self.run, iterable, loop)) is not None:
            return batch
        return Element(iterable, loop)

    @staticmethod
    def _any_of(items: tuple[Value, ...]) -> Value:
        result = items[0]
        for item in items[1:]:
            result = join(result, item)
        return result

    # -- operators ------------------------------------------------------------------------------------------------

    def _binary(self, node: cst.BinaryOperation) -> Value:
        return self.operate(operator_symbol(node.operator), (self.value(node.left), self.value(node.right)), node)

    def _unary(self, node: cst.UnaryOperation) -> Value:
        value = self.value(node.expression)
        if isinstance(node.operator, cst.Not):
            truth = self.truth(value)
            return UNKNOWN if truth is None else const(not truth)
        if isinstance(value, Const) and isinstance(value.value, (int, float)):
            if isinstance(node.operator, cst.Minus):
                return const(-value.value)
        return self.operate(operator_symbol(node.operator), (value,), node)

    def operate(self, symbol: str, operands: tuple[Value, ...], node: cst.CSTNode) -> Value:
        """An operator on values: numbers are computed, tensors asked of torch's table."""
        known = torch_api.operator(symbol, operands, node, self.run.grad_fact(), self.run.refuses(node))
        return known if known is not None else Result(node, Named(f"operator {symbol}"))

    def _boolean(self, node: cst.BooleanOperation) -> Value:
        left = self.value(node.left)
        truth = self.truth(left)
        stops = (isinstance(node.operator, cst.And) and truth is False) or (
            isinstance(node.operator, cst.Or) and truth is True
        )
        if stops:
            return left
        with self.run.arm(Arm(node, 0, node.left)):
            right = self.value(node.right)
        return right if truth is not None else join(left, right)

    def _comparison(self, node: cst.Comparison) -> Value:
        left = self.value(node.left)
        if len(node.comparisons) > 1:
            for part in node.comparisons:
                self.value(part.comparator)
            return UNKNOWN
        part = node.comparisons[0]
        right = self.value(part.comparator)
        kind = type(part.operator)
        if kind is cst.Is or kind is cst.IsNot:
            same = identical(left, right)
            return UNKNOWN if same is None else const(same is (kind is cst.Is))
        if isinstance(left, Const) and isinstance(right, Const):
            if left.assumed or right.assumed:
                return UNKNOWN
            return compared(part.operator, left.value, right.value)
        if kind is cst.In or kind is cst.NotIn:
            return Result(node, Named("operator in"))
        return self.operate(operator_symbol(part.operator), (left, right), node)

    def _conditional(self, node: cst.IfExp) -> Value:
        truth = self.truth(self.value(node.test))
        if truth is not None:
            return self.value(node.body if truth else node.orelse)
        before = self.run.state.copy()
        with self.run.arm(Arm(node, 0, node.test)):
            yes = self.value(node.body)
        after = self.run.state.copy()
        self.run.state.become(before)
        with self.run.arm(Arm(node, 1, node.test)):
            no = self.value(node.orelse)
        self.run.state.become(joined(after, self.run.state))
        return join(yes, no)

    def truth(self, value: Value) -> bool | None:
        """Whether a condition holds, where it is sure."""
        if isinstance(value, Const):
            return None if value.assumed else bool(value.value)
        if isinstance(value, (Made, Named, Function, Method)) and not (
            isinstance(value, Made) and value.name.startswith("builtins.")
        ):
            return True if isinstance(value, Function) or (isinstance(value, Named) and self._is_code(value)) else None
        return None

    def _is_code(self, value: Named) -> bool:
        """Whether a full name is surely a class or function: those are true, what else a module holds may be not."""
        own = value.name.rpartition(".")[2]
        if value.name.startswith(("torch.nn.", "builtins.")):
            return True
        return own[:1].isupper() and not own.isupper() and value.name.startswith("torch.")

    def _named(self, node: cst.NamedExpr) -> Value:
        value = self.value(node.value)
        self.run.bindings.bind(node.target, value)
        return value

    def _formatted(self, node: cst.FormattedString) -> Value:
        for part in node.parts:
            if isinstance(part, cst.FormattedStringExpression):
                self.value(part.expression)
        return Result(node, Named("builtins.str"))

    def _yield(self, node: cst.Yield) -> Value:
        value: Value = const(None)
        if isinstance(node.value, cst.From):
            value = self.value(node.value.item)
            self.run.emit("iterate", node.value.item, value)
        elif node.value is not None:
            value = self.value(node.value)
        self.run.emit("yield", node, value)
        return UNKNOWN

    # -- subscripts -----------------------------------------------------------------------------------------------

    def _subscript(self, node: cst.Subscript) -> Value:
        of = self.value(node.value)
        keys = tuple(self._key(element.slice) for element in node.slice)
        if len(keys) == 1 and isinstance(keys[0], Const):
            key = keys[0].value
            plain = self.item(of, key, node)
            if plain is not None:
                return plain
        known = torch_api.index(of, keys, node, self.run.grad_fact())
        if known is not None:
            return known
        if isinstance(of, Tensor) and of.models:
            return Tensor(node, of=Item(of, None), models=of.models, grad=of.grad)
        if len(keys) == 1 and isinstance(keys[0], Const):
            return Item(of, keys[0].value)
        return Result(node, Item(of, None))

    def item(self, of: Value, key: Any, node: cst.CSTNode) -> Value | None:
        """`of[key]` of a tuple, list or dict whose items are known; None for others."""
        if isinstance(of, OneOf) or isinstance(key, float):
            return None
        try:
            written = self.run.state.heap.ask(of, ("item", key))
        except TypeError:
            return None
        if written is not None:
            return written
        if isinstance(of, Sequence) and isinstance(key, int) and -len(of.items) <= key < len(of.items):
            return of.items[key]
        if isinstance(of, Shape) and isinstance(key, int):
            tensor = torch_api.as_array(of.of)
            dim = size(tensor, key) if tensor is not None else None
            return const(dim) if isinstance(dim, int) else dim
        if isinstance(of, Made) and of.name == "builtins.list" and not self.run.state.heap.has(of, "[]"):
            if isinstance(key, int) and -len(of.args) <= key < len(of.args):
                return of.args[key]
        if isinstance(of, Made) and of.name == "builtins.list" and not of.args:
            return self.run.state.heap.ask(of, "[]")
        if isinstance(of, Made) and of.name == "builtins.dict":
            return dict(of.keywords).get(str(key)) or self.run.state.heap.ask(of, "[]")
        if isinstance(of, Element) and isinstance(key, int) and of.place == -1:
            return Element(of.of, of.loop, key)
        return layer_at(of, key, self.run.file) if isinstance(of, Made) else None

    def _key(self, node: cst.BaseSlice) -> Value | torch_api.Slice:
        if isinstance(node, cst.Index):
            return self.value(node.value)
        assert isinstance(node, cst.Slice)
        lower, upper, step = (
            self.value(part) if part is not None else None for part in (node.lower, node.upper, node.step)
        )
        return torch_api.Slice(lower, upper, step)


_BY_KIND: dict[type, Callable[[Expressions, Any], Value]] = {
    cst.Name: Expressions._name,
    cst.Attribute: Expressions._attribute,
    cst.Call: Expressions._call,
    cst.Subscript: Expressions._subscript,
    cst.BinaryOperation: Expressions._binary,
    cst.UnaryOperation: Expressions._unary,
    cst.BooleanOperation: Expressions._boolean,
    cst.Comparison: Expressions._comparison,
    cst.IfExp: Expressions._conditional,
    cst.Tuple: lambda self, node: Sequence(self._items(node)),
    cst.List: Expressions._list,
    cst.Set: lambda self, node: Made("builtins.set", node, self._items(node)),
    cst.Dict: Expressions._dict,
    cst.NamedExpr: Expressions._named,
    cst.Lambda: lambda self, node: Function(node),
    cst.ListComp: Expressions._comprehension,
    cst.SetComp: Expressions._comprehension,
    cst.GeneratorExp: Expressions._comprehension,
    cst.DictComp: Expressions._comprehension,
    cst.Await: lambda self, node: self.value(node.expression),
    cst.FormattedString: Expressions._formatted,
    cst.StarredElement: lambda self, node: self.value(node.value),
    cst.Yield: Expressions._yield,
    cst.Ellipsis: lambda self, node: const(...),
    cst.Integer: lambda self, node: constant(node),
    cst.Float: lambda self, node: constant(node),
    cst.SimpleString: lambda self, node: constant(node),
}


__all__ = ["Expressions", "Free", "Known", "operator_symbol"]
