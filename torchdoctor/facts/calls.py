"""Calls: what a run does when something is called. The protocol of training is told apart here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts import stacks, torch_api
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.configured import PARTIAL
from torchdoctor.facts.context import OFF, ON
from torchdoctor.facts.defined import defined
from torchdoctor.facts.depending import also_depending, depending
from torchdoctor.facts.events import GradMode
from torchdoctor.facts.joins import join, tensor_with
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.kinds import FUNCTIONAL_LOSSES, is_parametric, kinds_of
from torchdoctor.facts.outputs import output_of
from torchdoctor.facts.passing import bound, extended, got, spread
from torchdoctor.facts.turns import mapped
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Element,
    Function,
    Known,
    Made,
    Method,
    Named,
    OneOf,
    Param,
    Result,
    Self,
    Sequence,
    Tensor,
    Unknown,
    Value,
    const,
)

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

Keywords = Mapping[str, Value]
# Methods that give back the module they are called on.
_RETURN_SELF = frozenset({
    "to", "cuda", "cpu", "float", "half", "double", "bfloat16", "train", "eval", "requires_grad_", "apply", "xpu",
    "to_empty", "type", "share_memory", "compile",
})  # fmt: skip
# Methods that modules and tensors share.
_MOVES = frozenset({"to", "cuda", "xpu"})
_CLIPS = frozenset({
    "torch.nn.utils.clip_grad_norm_", "torch.nn.utils.clip_grad_value_", "torch.nn.utils.clip_grad_norm",
    "torch.nn.utils.clip_grads_with_norm_",
})  # fmt: skip
_JOINING = frozenset({"torch.stack", "torch.cat", "torch.concat", "torch.vstack", "torch.hstack", "builtins.sum"})
_SAME_MODEL = frozenset(
    {"torch.compile", "torch.jit.script", "torch.jit.trace", "torch.nn.SyncBatchNorm.convert_sync_batchnorm"}
)
_MAKERS = frozenset({"torch.device", "torch.set_grad_enabled", "torch.Generator", *OFF, *ON, "torch.amp.autocast"})


class Calls:
    """Evaluates the calls of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.arguments_of: dict[cst.CSTNode, tuple[tuple[Value, ...], Keywords]] = {}

    # -- the call -------------------------------------------------------------------------------------------------

    def call(self, node: cst.Call) -> Value:
        """The value of a call expression."""
        run = self.run
        receiver: Value | None = None
        function = node.func
        if type(function) is cst.Attribute:
            callee = run.evaluate(function)
            receiver = None if isinstance(callee, Named) else run.values.get(function.value, UNKNOWN)
            if isinstance(callee, OneOf) and (only := tensor_with(receiver, function.attr.value)) is not None:
                receiver, callee = only, Attr(only, function.attr.value)
        else:
            callee = run.evaluate(function)
        args, keywords, starred = self._arguments(node)
        self.arguments_of[node] = (args, keywords)
        if isinstance(callee, OneOf):
            return self._either(node, callee, args, keywords)
        if receiver is not None and type(function) is cst.Attribute:
            known = self.method(node, receiver, callee, function.attr.value, args, keywords, starred)
            return known if known is not None else self._unknown(node, callee, args, keywords)
        return self.apply(node, callee, args, keywords, starred)

    def intend(self, method: cst.Attribute) -> None:
        """What `net.eval` would do if it were called."""
        self.run.protocol.handle(method.attr.value, method, self.run.values.get(method.value, UNKNOWN), (), {})

    def _arguments(self, node: cst.Call) -> tuple[tuple[Value, ...], dict[str, Value], bool]:
        args: list[Value] = []
        keywords: dict[str, Value] = {}
        starred = False
        for arg in node.args:
            value = self.run.evaluate(arg.value)
            if arg.star == "*" and isinstance(value, Sequence) and not starred:
                starred = extended(args, value)
            elif arg.star == "**" and (known := spread(value, self.run.state.heap)) is not None:
                keywords.update(known)
            elif arg.star:
                starred = True
            elif arg.keyword is not None:
                keywords[arg.keyword.value] = value
            elif not starred:
                args.append(value)
        return tuple(args), keywords, starred

    def _either(self, node: cst.Call, callee: OneOf, args: tuple[Value, ...], keywords: Keywords) -> Value:
        """One of several callees: what all of them give. Torch refuses for sure only where it refuses every one."""
        mark, began, results, refused = len(self.run.refused), len(self.run.events), [], []
        for option in sorted(callee.options, key=repr):
            if isinstance(option, Attr) and option.of == const(None):
                continue  # the call is not for the case that there is nothing
            so_far = len(self.run.events)
            results.append(self._option(node, option, args, keywords))
            refused.append(self.run.refused[mark:])
            del self.run.refused[mark:]
            seen = {(event.kind, event.node) for event in self.run.events[began:so_far]}
            self.run.events[so_far:] = [e for e in self.run.events[so_far:] if (e.kind, e.node) not in seen]
        if not results:
            return UNKNOWN
        if all(refused):
            self.run.refused += refused[0]
        value = results[0]
        for other in results[1:]:
            value = join(value, other)
        return value

    def _option(self, node: cst.Call, callee: Value, args: tuple[Value, ...], keywords: Keywords) -> Value:
        """A method of one of several receivers, or another of several callees."""
        if isinstance(callee, Attr) and type(node.func) is cst.Attribute and callee.name == node.func.attr.value:
            known = self.method(node, callee.of, callee, callee.name, args, keywords, False)
            return known if known is not None else self._unknown(node, callee, args, keywords)
        return self.apply(node, callee, args, keywords)

    def apply(
        self, node: cst.CSTNode, callee: Value, args: tuple[Value, ...], keywords: Keywords, starred: bool = False
    ) -> Value:
        """Call a value that is not reached through a dot (or whose full name is known)."""
        known: Value | None = None
        if isinstance(callee, Named):
            known = self._named(node, callee.name, args, keywords, starred)
        elif isinstance(callee, Function):
            known = self._lambda(node, callee, args, keywords)
        elif isinstance(callee, Made) and callee.name == PARTIAL:
            given = {**dict(callee.keywords), **keywords}
            return self.apply(node, callee.args[0], (*callee.args[1:], *args), given, starred)
        elif isinstance(callee, Method):
            known = self.method(node, callee.of, callee, callee.name, args, keywords, starred)
        elif not isinstance(callee, Unknown):
            known = self._object(node, callee, args, keywords, starred)
        return known if known is not None else self._unknown(node, callee, args, keywords)

    def _unknown(self, node: cst.CSTNode, callee: Value, args: tuple[Value, ...], keywords: Keywords) -> Value:
        """A call that is not understood: whatever it is given may be changed by it."""
        value: Value = Result(node, callee)
        for given in (*args, *keywords.values()):
            self._escape(given)
        self.run.emit("call", node, callee, args, keywords, value)
        return value

    def _escape(self, value: Value) -> None:
        """A list or dict that was handed out may hold anything afterwards."""
        if isinstance(value, Made) and value.name in ("builtins.list", "builtins.dict"):
            grown = self.run.state.heap.has(value, "[]")
            self.run.state.heap.put(value, "[]" if grown else stacks.LENT, UNKNOWN)
            self.run.state.heap.drop(value, stacks.ALL)

    # -- functions and classes by name ----------------------------------------------------------------------------

    def _named(
        self, node: cst.CSTNode, name: str, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        run = self.run
        if name in _CLIPS:
            run.emit("clip", node, args[0] if args else keywords.get("parameters", UNKNOWN), args, keywords)
            return Result(node, Named(name))
        if name in ("torch.autograd.backward", "torch.autograd.grad"):
            first = args[0] if args else keywords.get("tensors", keywords.get("outputs", UNKNOWN))
            on = first.items[0] if isinstance(first, Sequence) and first.items else first
            run.emit("backward" if name.endswith("backward") else "autograd_grad", node, on, args, keywords)
            return Result(node, Named(name)) if name.endswith("grad") else const(None)
        if name == "torch.set_grad_enabled":
            given = args[0].value if args and isinstance(args[0], Const) else None
            run.state.grad = GradMode(given if isinstance(given, bool) else None, node)
        if name in _SAME_MODEL and args:
            return args[0]
        if name == PARTIAL and args and not starred:
            self._unknown(node, Named(name), args, keywords)  # what it is given may be changed, whoever calls it
            return Made(name, node, args, tuple(keywords.items()))
        if name == "builtins.map" and (found := mapped(run, node, args)) is not None:
            return found
        if name == "builtins.next" and args and (batch := self._next(node, args[0])) is not None:
            return batch
        if name in ("copy.deepcopy", "copy.copy") and args:
            return self._copy(node, args[0])
        asked = args[1].value if name == "builtins.getattr" and len(args) > 1 and isinstance(args[1], Const) else None
        if isinstance(asked, str):
            return run.expressions.attribute(args[0], asked, node)
        if name in _MAKERS or self._is_class(name):
            return self._make(node, name, args, keywords, starred)
        inlined = self._project_function(node, name, args, keywords, starred)
        if inlined is not None:
            return inlined
        return self._library(node, name, args, keywords, starred)

    def _library(
        self, node: cst.CSTNode, name: str, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        closed, grown = self._closed(node, args)
        arguments = self._passed(node, closed, keywords, starred)
        value: Value | None = None
        if name.startswith("torch.Tensor.") and args:
            value = torch_api.method(name.rpartition(".")[2], arguments)
        elif name.startswith(("torch.", "builtins.", "math.", "numpy.", "einops.", "sklearn.")):
            value = torch_api.call(name, arguments)
        grad = value.grad if isinstance(value, Tensor) else None
        ends = grad is not None and grad.value == "cut" and grad.because is node  # `torch.tensor(losses)`
        if grown and not ends and (isinstance(value, Tensor) or name in _JOINING):
            value = also_depending(value if isinstance(value, Tensor) else Tensor(node), grown)
        if name in FUNCTIONAL_LOSSES:
            value = value if value is not None else depending(node, (*args, *keywords.values()))
            self.run.emit("loss", node, Named(name), args, keywords, value)
        return value

    def _passed(
        self,
        node: cst.CSTNode,
        args: tuple[Value, ...],
        keywords: Keywords,
        starred: bool,
        model: Value | None = None,
        *,
        unasked: bool = False,
    ) -> torch_api.Arguments:
        """What is passed, for torch's table; refusals, and a Sequential's modules of the project, are seen to."""
        run = self.run
        refuse = run.refuses(node, model, unasked=unasked)

        def forward(made: Made, value: Value) -> Value | None:
            return self._forward_value(node, made, (value,), {}, False)

        return torch_api.Arguments(
            node, args, keywords, starred, run.grad_fact(), refuse=refuse, forward=None if unasked else forward
        )

    def _closed(self, node: cst.CSTNode, args: tuple[Value, ...]) -> tuple[tuple[Value, ...], list[Tensor]]:
        """The arguments, with lists that grew (so that their length is not known) as things unknown; and the tensors
        that such lists hold."""
        closed, grown = [], []
        for value in args:
            added = self.run.state.heap.ask(value, "[]") if isinstance(value, Made) else None
            items = stacks.held(value, self.run.state.heap) if isinstance(value, Made) else None
            if items is not None and any(isinstance(item, Tensor) for item in items):
                value, added = Sequence(items), None
            closed.append(value if added is None else Result(node, Named("grown list")))
            if isinstance(added, Tensor):
                grown.append(added)
        return tuple(closed), grown

    def _is_class(self, name: str) -> bool:
        return bool(kinds_of(name)) or self.run.file.classes.named(name) is not None

    def _make(self, node: cst.CSTNode, name: str, args: tuple[Value, ...], keywords: Keywords, starred: bool) -> Value:
        if name == stacks.SEQUENTIAL and type(node) is cst.Call:
            args = stacks.layers(self.run, node)
        made = Made(name, node, args, tuple(keywords.items()))
        self.run.emit("make", node, made, args, keywords, made)
        if name == stacks.SEQUENTIAL:
            torch_api.module(name, made, self._passed(node, (Result(node, made),), {}, False, made, unasked=True))
        elif name.startswith("torch.nn."):
            torch_api.make(made, self.run.refuses(node, made))
        return made

    def _next(self, node: cst.CSTNode, iterator: Value) -> Value | None:
        """`next(iter(loader))`: a batch, where it is known."""
        value = self.run.expressions.element(iterator, node)
        return None if isinstance(value, Element) and value.place == -1 else value

    def _copy(self, node: cst.CSTNode, value: Value) -> Value:
        """A deep copy is another thing of the same kind."""
        if isinstance(value, Made):
            return Made(value.name, node, value.args, value.keywords)
        if isinstance(value, Tensor):
            return value.but(source=node, of=None, views=None)
        return Result(node, value)

    def _project_function(
        self, node: cst.CSTNode, name: str, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        file = self.run.file
        owner, definition = defined(file, name) or (file, None)
        if type(definition) is not cst.FunctionDef:
            return None
        names = bound(owner, definition, args, keywords, starred, node)
        closure = self.run.state.names if owner is file and definition in self.run.flows.closures else None
        return self.run.step_into(owner, definition, names, node, closure)

    def _lambda(self, node: cst.CSTNode, callee: Function, args: tuple[Value, ...], keywords: Keywords) -> Value | None:
        assert type(callee.node) is cst.Lambda
        names = dict(self.run.state.names)
        for param, value in zip(callee.node.params.params, args, strict=False):
            names[param.name.value] = value
        names.update(keywords)
        return self.run.step_into(self.run.file, callee.node, names, node)

    # -- objects that are called ----------------------------------------------------------------------------------

    def _object(
        self, node: cst.CSTNode, callee: Value, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        run = self.run
        model = unwrapped(callee)
        kind = self.kind(model)
        if kind not in ("module", "criterion"):
            kind = self.kind(callee)  # what a wrapper holds is a module, whatever made it
        if kind == "criterion":
            value = self._forward_value(node, model, args, keywords, starred)
            value = value if isinstance(value, Tensor) else depending(node, (*args, *keywords.values()))
            run.emit("loss", node, model, args, keywords, value)
            return value
        if kind == "module":
            modes = len(run.events)
            run.emit("forward", node, model, args, keywords, by=callee if callee != model else None)
            value = self._forward_value(node, model, args, keywords, starred)
            if value is None:
                value = depending(node, (*args, *keywords.values())).but(of=Result(node, model), grad=None)
                value = output_of(run, model, value)
            value = self._through_model(value, model, node)
            run.events[modes].value = value
            return value
        facts = run.file.classes.named(callee.name) if isinstance(callee, (Made, Self)) else None
        if facts is not None and (found := facts.method("__call__")) is not None:
            return self._invoke(node, found, callee, args, keywords, starred)
        return None

    def _forward_value(
        self, node: cst.CSTNode, model: Value, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        run = self.run
        if isinstance(model, (Made, Self)):
            facts = run.file.classes.named(model.name)
            if facts is not None:
                found = facts.method("__call__") or facts.method("forward")
                return self._invoke(node, found, model, args, keywords, starred) if found is not None else None
        model = stacks.completed(model, run.state.heap)
        if isinstance(model, Made):
            arguments = self._passed(node, args, keywords, starred, model)
            return torch_api.module(model.name, model, arguments)
        return None

    def output(self, model: Value, node: cst.CSTNode) -> Value | None:
        """What a layer of torch gives for an input that nothing is known of."""
        return self._forward_value(node, model, (Result(node, model),), {}, False)

    def _through_model(self, value: Value, model: Value, node: cst.CSTNode) -> Value:
        """What comes out of a model depends on it, and is in its graph where gradients are on."""
        if isinstance(value, Tensor):
            grad = value.grad
            if self.run.state.grad.enabled is False:
                grad = Known("cut", self.run.state.grad.because or node)
            elif grad is None and self.run.state.grad.enabled and not self._is_plain(model):
                grad = Known("attached", node)
            return value.but(models=value.models | {model}, grad=grad)
        if isinstance(value, Sequence):
            return Sequence(tuple(self._through_model(item, model, node) for item in value.items))
        if isinstance(value, (Result, OneOf, Unknown)):
            return self._through_model(Tensor(node, of=Result(node, model)), model, node)
        return value

    def _is_plain(self, model: Value) -> bool:
        """A layer of torch without parameters adds no gradient of its own."""
        return isinstance(model, Made) and model.name.startswith("torch.nn.") and not is_parametric(model.name)

    def _invoke(
        self,
        node: cst.CSTNode,
        found: tuple[ClassFacts, cst.FunctionDef],
        receiver: Value,
        args: tuple[Value, ...],
        keywords: Keywords,
        starred: bool,
    ) -> Value | None:
        owner, function = found
        static = any(type(d.decorator) is cst.Name and d.decorator.value == "staticmethod" for d in function.decorators)
        given = args if static else (receiver, *args)
        names = bound(owner.file, function, given, keywords, starred, node)
        return self.run.step_into(owner.file, function, names, node)

    # -- methods --------------------------------------------------------------------------------------------------

    def method(
        self,
        node: cst.CSTNode,
        receiver: Value,
        callee: Value,
        name: str,
        args: tuple[Value, ...],
        keywords: Keywords,
        starred: bool,
    ) -> Value | None:
        """`receiver.name(...)`; ``callee`` is what the attribute itself evaluates to."""
        if not isinstance(callee, (Attr, Method, Tensor, Unknown)):  # the attribute holds a thing of its own
            return self.apply(node, callee, args, keywords, starred)
        if isinstance(receiver, Result) and receiver.function == Named("builtins.super"):
            return self._super(node, name, args, keywords, starred)
        if name == "get" and (found := got(receiver, args, self.run.state.heap)) is not None:
            return found
        own = self._own_method(receiver, name)
        if own is not None:
            value = self._invoke(node, own, receiver, args, keywords, starred)
            if value is not None or name not in ("train", "eval"):
                return value
        if name == "forward" and self.kind(unwrapped(receiver)) in ("module", "criterion"):
            return self._object(node, receiver, args, keywords, starred)
        value = self.run.protocol.handle(name, node, receiver, args, keywords)
        if value is not None:
            return value
        kind = self.kind(unwrapped(receiver))
        if kind in ("module", "criterion") and name in _RETURN_SELF:
            return receiver
        if kind is None and name in _MOVES and isinstance(receiver, (Param, Attr)):
            return receiver  # a module or a tensor: where it lies is new, what it is is not
        if (kind is None and not isinstance(receiver, Self)) or kind == "tensor":
            arguments = self._passed(node, (receiver, *args), keywords, starred)
            value = torch_api.method(name, arguments)
            if value is not None:
                self._mutated(receiver, name, value)
                return value
        if isinstance(callee, Attr) and self.kind(unwrapped(callee)) in ("module", "criterion"):
            return self._object(node, callee, args, keywords, starred)
        if isinstance(receiver, Tensor) and receiver.models:
            return Tensor(node, of=Result(node, callee), models=receiver.models, grad=receiver.grad)
        return None

    def _mutated(self, receiver: Value, name: str, value: Value) -> None:
        """An in-place method changes whatever holds the tensor."""
        if name.endswith("_") and not name.startswith("_") and isinstance(receiver, Tensor):
            names = self.run.state.names
            for held in [held for held, known in names.items() if known is receiver]:
                names[held] = value
            self.run.state.heap.replace(receiver, value)

    def _own_method(self, receiver: Value, name: str) -> tuple[ClassFacts, cst.FunctionDef] | None:
        if not isinstance(receiver, (Made, Self)):
            return None
        facts = self.run.file.classes.named(receiver.name)
        return facts.method(name) if facts is not None else None

    def _super(
        self, node: cst.CSTNode, name: str, args: tuple[Value, ...], keywords: Keywords, starred: bool
    ) -> Value | None:
        run = self.run
        here = run.file.classes.enclosing(run.node)
        receiver = next((v for v in run.state.names.values() if isinstance(v, (Self, Made))), None)
        if here is None or receiver is None:
            return None
        for facts in here.ancestry[1:]:
            if name in facts.methods:
                return self._invoke(node, (facts, facts.methods[name]), receiver, args, keywords, starred)
        if here.is_module and name in ("train", "eval", "forward"):
            return receiver
        if here.is_module and name == "__call__" and (own := self._own_method(receiver, "forward")) is not None:
            return self._invoke(node, own, receiver, args, keywords, starred)
        return None

    def kind(self, value: Value) -> str | None:
        from torchdoctor.facts.kind import kind_of

        return kind_of(value, self.run.flows)
