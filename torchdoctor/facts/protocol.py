"""The protocol of training: the methods that matter to it, told apart here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts import stacks
from torchdoctor.facts.events import Mode
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Function,
    Made,
    Method,
    Named,
    Result,
    Scaled,
    Self,
    Sequence,
    Tensor,
    Value,
    const,
)

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

Keywords = Mapping[str, Value]
Values = tuple[Value, ...]
Handler = Callable[["Protocol", cst.CSTNode, Value, tuple[Value, ...], Keywords], Value | None]


class Protocol:
    """Notes zero_grad, forward, backward, step and their like as events of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def handle(self, name: str, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """Note what `receiver.name(...)` does; None where its value is for others to say."""
        handler = _HANDLERS.get(name)
        return handler(self, node, receiver, args, keywords) if handler is not None else None

    def _backward(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """loss.backward(), scaler.scale(loss).backward(), accelerator.backward(loss), engine.backward(loss)."""
        by: Value | None = None
        on = receiver
        if isinstance(receiver, Scaled):
            on, by = receiver.of, receiver.scaler
        elif args and not isinstance(receiver, Tensor) and self._does_backward(receiver, args[0]):
            on, by = args[0], receiver
        self.run.emit("backward", node, on, args, keywords, by=by)
        return const(None)

    def _manual_backward(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """`self.manual_backward(loss)` of a LightningModule that does its own steps."""
        if not isinstance(receiver, (Self, Made)) or not (args or "loss" in keywords):
            return None
        self.run.emit("backward", node, args[0] if args else keywords["loss"], args, keywords, by=receiver)
        return const(None)

    def _does_backward(self, receiver: Value, first: Value) -> bool:
        """Whether `x.backward(y)` is a framework's backward of the loss y, not a tensor's with gradient y."""
        if self.run.calls.kind(receiver) in ("trainer", "module") or isinstance(receiver, (Self, Made)):
            return True
        return isinstance(first, Tensor) and bool(first.models or first.grad) and not isinstance(receiver, Tensor)

    def _step(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        if self.run.calls.kind(receiver) == "scaler" or (args and self.run.calls.kind(args[0]) == "optimizer"):
            self.run.emit("scaler_step", node, args[0] if args else UNKNOWN, args, keywords, by=receiver)
            return const(None)
        closure = args[0] if args else keywords.get("closure")
        if isinstance(closure, (Named, Function)):
            self.run.calls.apply(node, closure, (), {})
        self.run.emit("step", node, receiver, args, keywords)
        return Result(node, Method(receiver, "step"))

    def _scale(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        if len(args) != 1 or self.run.calls.kind(receiver) != "scaler":
            return None
        self.run.emit("scale", node, args[0], args, keywords, by=receiver)
        return Scaled(args[0], receiver)

    def _update(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        if self.run.calls.kind(receiver) != "scaler":
            return None
        self.run.emit("update", node, receiver, args, keywords)
        return const(None)

    def _train(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        mode = args[0] if args else keywords.get("mode", const(True))
        if (
            len(args) > 1
            or set(keywords) - {"mode"}
            or (args and not isinstance(mode, Const) and self.run.calls.kind(receiver) is None)
        ):
            return None
        training = mode.value if isinstance(mode, Const) and isinstance(mode.value, bool) else None
        return self._set_mode(node, receiver, training, args)

    def _eval(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        return None if args or keywords else self._set_mode(node, receiver, False, args)

    def _set_mode(self, node: cst.CSTNode, receiver: Value, training: bool | None, args: tuple[Value, ...]) -> Value:
        model = unwrapped(receiver)
        self.run.emit("eval" if training is False else "train", node, model, args)
        modes = self.run.state.modes
        for part in [known for known in modes if _part_of(known, model)]:
            del modes[part]
        modes[model] = frozenset((Mode(training, node),))
        return receiver

    def _item(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """`x.item()` leaves torch: a number, known as what it was taken from."""
        if args or keywords:
            return None
        self.run.emit("item", node, receiver)
        return Result(node, Method(receiver, "item"))

    def _plain(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """`x.tolist()` and `x.numpy()` leave torch too."""
        if not isinstance(receiver, Tensor):
            return None
        name = node.func.attr.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else ""
        return Result(node, Method(receiver, name))

    def _append(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        if len(args) != 1:
            return None
        added = args[0]
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "extend":
            added = self.run.expressions.element(added, node)
        self.run.emit("append", node, receiver, (added,), keywords)
        if isinstance(receiver, Made) and receiver.name == "builtins.list":
            whole = args[0] if added is not args[0] else Sequence((added,))
            stacks.grow(self.run.state.heap, receiver, added, whole, once=not self.run.loops)
        elif isinstance(receiver, Made) and receiver.name == stacks.SEQUENTIAL:
            stacks.add(self.run, receiver, added if added is args[0] else UNKNOWN)
        return const(None)

    def _add_module(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        if isinstance(receiver, Made) and receiver.name == stacks.SEQUENTIAL:
            stacks.add(self.run, receiver, args[1] if len(args) == 2 else keywords.get("module", UNKNOWN))
        return None

    def _reorder(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """After these, the last item of a list is not the one that was put there last."""
        if isinstance(receiver, Made) and receiver.name == "builtins.list":
            heap = self.run.state.heap
            heap.put(receiver, "[]", heap.look(receiver, "[]") or UNKNOWN)
            heap.put(receiver, stacks.LAST, UNKNOWN)
            heap.put(receiver, stacks.ALL, UNKNOWN)
        elif isinstance(receiver, Made) and receiver.name == stacks.SEQUENTIAL:
            stacks.add(self.run, receiver, UNKNOWN)
        return None

    def _zero(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """p.grad.zero_() clears one gradient by hand."""
        if (isinstance(receiver, Attr) and receiver.name == "grad") or (
            isinstance(receiver, Tensor) and isinstance(receiver.of, Attr)
        ):
            on = receiver.of if isinstance(receiver, Attr) else receiver
            self.run.emit("zero_grad", node, on, args, keywords)
            return receiver
        return None

    def _clip_method(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        self.run.emit("clip", node, args[0] if args else UNKNOWN, args, keywords, by=receiver)
        return Result(node, Method(receiver, "clip"))

    def _prepare(self, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value | None:
        """accelerator.prepare(model, optimizer, loader) gives back what it was given, made ready."""
        if self.run.calls.kind(receiver) != "trainer" or not args:
            return None
        self.run.emit("prepare", node, receiver, args, keywords)
        return args[0] if len(args) == 1 else Sequence(args)


def _simple(kind: str) -> Handler:
    def note(protocol: Protocol, node: cst.CSTNode, receiver: Value, args: Values, keywords: Keywords) -> Value:
        protocol.run.emit(kind, node, unwrapped(receiver), args, keywords)
        return const(None)

    return note


_HANDLERS: dict[str, Handler] = {
    "backward": Protocol._backward,
    "manual_backward": Protocol._manual_backward,
    "zero_grad": _simple("zero_grad"),
    "step": Protocol._step,
    "scale": Protocol._scale,
    "unscale_": _simple("unscale"),
    "update": Protocol._update,
    "train": Protocol._train,
    "eval": Protocol._eval,
    "item": Protocol._item,
    "tolist": Protocol._plain,
    "numpy": Protocol._plain,
    "append": Protocol._append,
    "extend": Protocol._append,
    "add_module": Protocol._add_module,
    "insert": Protocol._reorder,
    "pop": Protocol._reorder,
    "remove": Protocol._reorder,
    "reverse": Protocol._reorder,
    "zero_": Protocol._zero,
    "clip_grad_norm_": Protocol._clip_method,
    "clip_gradients": Protocol._clip_method,
    "prepare": Protocol._prepare,
    "setup": Protocol._prepare,
}


def _part_of(value: Value, whole: Value) -> bool:
    while isinstance(value, Attr):
        value = value.of
        if value == whole:
            return True
    return False
