"""Which names hold the same tensor in a function, and which of them are read after it was overwritten through another.

One walk over the body in order: branches join, loops are gone through twice. What a call gives back is a new tensor,
except for views and for calls that write into their input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.holdings import NOTHING, Held, Holdings
from torchdoctor.facts.inplace import InPlace, Write, gives_not_negative, input_of, writes_into_input
from torchdoctor.facts.names import dotted
from torchdoctor.facts.tree import children, is_kind

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Methods and attributes that give another view of the same memory.
_VIEWS = frozenset({
    "view", "view_as", "transpose", "permute", "squeeze", "unsqueeze", "expand", "expand_as", "narrow", "detach", "t",
    "select", "swapaxes", "swapdims", "movedim", "data", "T", "mT",
})  # fmt: skip
# What is asked of a tensor without reading its values.
_ABOUT = frozenset({
    "shape", "size", "dim", "ndim", "ndimension", "dtype", "device", "numel", "is_cuda", "requires_grad", "layout",
    "stride", "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "is_contiguous", "get_device", "type",
})  # fmt: skip
_ASKING = frozenset({
    "builtins.len", "builtins.isinstance", "builtins.type", "builtins.id", "torch.zeros_like", "torch.ones_like",
    "torch.empty_like", "torch.rand_like", "torch.randn_like", "torch.full_like", "torch.is_tensor", "builtins.hasattr",
})  # fmt: skip
# Methods that put something into a list and do not look at it.
_KEEPING = frozenset({"append", "insert", "appendleft"})
# Displays, which hold what is in them by reference.
_TRANSPARENT = (
    cst.List, cst.Tuple, cst.Set, cst.Dict, cst.Element, cst.DictElement, cst.StarredElement, cst.StarredDictElement,
)  # fmt: skip


Leaf = tuple[cst.CSTNode, Held, int]  # an operand, what it is, and the number of writes made before it


class Aliasing:
    """The walk over one function. ``stale`` holds each read of an overwritten tensor, with the write."""

    def __init__(self, file: File, function: cst.FunctionDef, depth: int = 3) -> None:
        self.file, self.depth = file, depth
        self.writes: list[Write] = []
        self.stale: dict[cst.CSTNode, Write] = {}
        self._tensors = 0
        self._touched: list[set[int]] = []
        self._not_negative: set[int] = set()
        self._state: Holdings | None = Holdings()
        self._ended: list[Holdings] = []
        self._left: list[Holdings] = []
        params = (*function.params.posonly_params, *function.params.params, *function.params.kwonly_params)
        self._params = [self._bind_new(param.name.value) for param in params]
        if isinstance(file.parent(file.parent(function) or function), cst.ClassDef):
            self._now.names.pop(receiver_name(function) or "", None)  # the object itself is no tensor
        self._block(function.body.body)

    def written_parameter(self, place: int) -> InPlace | None:
        """How the parameter at that position is written into; None where it is not, or only on some ways."""
        ends = [*self._ended, *([self._state] if self._state is not None else [])]
        if len(self._params) <= place or not ends:
            return None
        written = [end.written.get(self._params[place]) for end in ends]
        first = written[0]
        return None if first is None or None in written else self.writes[first].how

    @property
    def _now(self) -> Holdings:
        assert self._state is not None
        return self._state

    # -- statements ---------------------------------------------------------------------------------------------------

    def _block(self, statements: Sequence[cst.CSTNode]) -> None:
        for statement in statements:
            if self._state is not None:
                self._statement(statement)

    def _statement(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.SimpleStatementLine):
            self._block(node.body)
        elif isinstance(node, cst.Assign):
            self._assign(node)
        elif isinstance(node, cst.AnnAssign):
            if node.value is not None:
                self._bind(node.target, self._held(node.value))
        elif isinstance(node, cst.AugAssign):
            self._read_all(node.value)
            self._read_all(node.target)
        elif isinstance(node, cst.Expr):
            self._for_its_effect(node.value)
        elif isinstance(node, (cst.Return, cst.Raise, cst.Break, cst.Continue)):
            self._read_all(node)
            (self._ended if isinstance(node, (cst.Return, cst.Raise)) else self._left).append(self._now)
            self._state = None
        elif isinstance(node, cst.If):
            self._if(node)
        elif isinstance(node, (cst.For, cst.While)):
            self._loop(node)
        elif isinstance(node, cst.Try):
            self._try(node)
        elif isinstance(node, cst.With):
            for item in node.items:
                self._read_all(item.item)
            self._block(node.body.body)
        elif not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Del)):
            self._read_all(node)

    def _assign(self, node: cst.Assign) -> None:
        held = self._held(node.value)
        for target in node.targets:
            parts = target.target.elements if isinstance(target.target, (cst.Tuple, cst.List)) else ()
            values = node.value.elements if isinstance(node.value, (cst.Tuple, cst.List)) else ()
            if parts and len(parts) == len(values):
                given = [self._held(element.value) for element in values]
                for part, one in zip(parts, given, strict=True):
                    self._bind(part.value, one)
                continue
            self._bind(target.target, held)
            if not held and gives_not_negative(self.file, node.value) and (name := dotted(target.target)) is not None:
                self._not_negative.update(tensor for tensor, _ in self._now.names.get(name, ()))

    def _bind(self, target: cst.CSTNode, held: Held) -> None:
        if isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._bind(element.value, NOTHING)
        elif isinstance(target, cst.Subscript):
            for part in target.slice:
                self._read_all(part)
            if (name := dotted(target.value)) in self._now.names:  # `features["a"] = x`
                self._now.names[name or ""] |= held
        elif (name := dotted(target)) is not None:
            if held:
                self._now.names[name] = held
            else:
                self._bind_new(name)

    def _bind_new(self, name: str) -> int:
        """Give a name a tensor of its own: in a loop another one each time."""
        self._tensors += 1
        self._now.names[name] = frozenset({(self._tensors, frozenset())})
        return self._tensors

    def _for_its_effect(self, value: cst.BaseExpression) -> None:
        """`self.relu(x)` as a statement: whoever writes so goes on with x, and means the result by it."""
        held = self._held(value)
        given = input_of(self.file, value) if isinstance(value, cst.Call) else None
        name = dotted(given) if given is not None else None
        if held and name is not None and name in self._now.names:
            self._now.names[name] = held

    # -- ways ---------------------------------------------------------------------------------------------------------

    def _if(self, node: cst.If) -> None:
        self._read_all(node.test)
        before = self._now.copy()
        self._block(node.body.body)
        after, self._state = self._state, before
        if isinstance(node.orelse, cst.If):
            self._if(node.orelse)
        elif node.orelse is not None:
            self._block(node.orelse.body.body)
        self._meet(after)

    def _loop(self, node: cst.For | cst.While) -> None:
        outer, self._left = self._left, []
        self._read_all(node.iter if isinstance(node, cst.For) else node.test)
        before = self._now.copy()
        for _ in range(2):
            if self._state is not None:
                if isinstance(node, cst.For):
                    self._bind(node.target, NOTHING)
                self._block(node.body.body)
        for left in (*self._left, before):
            self._meet(left)
        self._left = outer

    def _try(self, node: cst.Try) -> None:
        before = self._now.copy()
        self._block(node.body.body)
        if node.orelse is not None:
            self._block(node.orelse.body.body)
        for handler in node.handlers:
            after, self._state = self._state, before.copy()
            self._block(handler.body.body)
            self._meet(after)
        if node.finalbody is not None:
            self._block(node.finalbody.body.body)

    def _meet(self, other: Holdings | None) -> None:
        if self._state is None:
            self._state = other
        elif other is not None:
            self._state.join(other)

    # -- expressions --------------------------------------------------------------------------------------------------

    def _held(self, node: cst.CSTNode) -> Held:
        """The tensors of this function that an expression gives itself, without a read of their values."""
        kind = type(node)
        if (kind is cst.Name or kind is cst.Attribute) and (name := dotted(node)) in self._now.names:
            return self._now.names[name or ""]
        if type(node) is cst.Attribute and node.attr.value in _VIEWS:
            return self._held(node.value)
        if type(node) is cst.NamedExpr:
            held = self._held(node.value)
            self._bind(node.target, held)
            return held
        if type(node) is cst.IfExp:
            self._read_all(node.test)
            before = self._now.copy()
            held = self._held(node.body)
            after, self._state = self._now, before
            held |= self._held(node.orelse)
            self._now.join(after)
            return held
        if type(node) is cst.Call:
            return self._call(node)
        if kind is cst.List or kind is cst.Tuple:
            return NOTHING.union(*(held for _, held, _ in self._leaves(node)))
        self._read_parts(node)
        return NOTHING

    def _call(self, call: cst.Call) -> Held:
        how = writes_into_input(self.file, call, self.depth)
        if how is not None:
            return self._write(call, how)
        of = call.func.value if isinstance(call.func, cst.Attribute) else None
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        asks = self.file.name(call.func) in _ASKING
        if method in _KEEPING and (name := dotted(of) if of is not None else None) in self._now.names:
            kept = [leaf for arg in call.args for leaf in self._leaves(arg.value)]
            self._now.names[name or ""] = self._now.names[name or ""].union(*(held for _, held, _ in kept))
            return NOTHING
        leaves = self._leaves(of if of is not None else call.func)
        held = leaves[0][1] if of is not None and leaves else NOTHING
        if method in _ABOUT or method in _VIEWS:
            leaves = []
        for arg in call.args:
            leaves += self._leaves(arg.value)
        if not asks:
            self._read(leaves)
        return held if method in _VIEWS else NOTHING

    def _write(self, call: cst.Call, how: InPlace) -> Held:
        given = input_of(self.file, call)
        for arg in call.args:
            if arg.value is not given:
                self._read_all(arg.value)
        held = self._held(given) if given is not None else NOTHING
        tensors = {tensor for tensor, _ in held}
        if not how.idempotent and given is not None:
            self._read([(given, held, len(self.writes))])
        if held and not (how.idempotent and tensors <= self._not_negative):
            self._now.overwrite(tensors, len(self.writes))
            self.writes.append(Write(call, how))
            self._touched.append(tensors)
            if how.idempotent:
                self._not_negative |= tensors
        return frozenset((tensor, frozenset()) for tensor in tensors)

    def _read_all(self, node: cst.CSTNode) -> None:
        """Evaluate an expression whose values are used."""
        self._read(self._leaves(node))

    def _leaves(self, node: cst.CSTNode) -> list[Leaf]:
        """Evaluate an expression; its tensors are read when all is evaluated: `x + self.relu(x)` reads x afterwards."""
        if type(node) is cst.Arg:
            return self._leaves(node.value)
        if is_kind(type(node), _TRANSPARENT):
            return [leaf for child in children(node) for leaf in self._leaves(child)]
        return [(node, self._held(node), len(self.writes))]

    def _read(self, leaves: list[Leaf]) -> None:
        for node, held, before in leaves:
            for tensor, missed in held:
                since = {w for w in range(before, len(self.writes)) if tensor in self._touched[w]}
                if missed | since:
                    self.stale.setdefault(node, self.writes[min(missed | since)])

    def _read_parts(self, node: cst.CSTNode) -> None:
        if type(node) is cst.Attribute:
            leaves = self._leaves(node.value)
            self._read(leaves if node.attr.value not in _ABOUT else [])
            return
        if type(node) is cst.Lambda:
            return
        leaves = []
        for child in children(node):
            leaves += self._leaves(child.iter if type(child) is cst.CompFor else child)
        self._read(leaves)
