"""Tensors on the CPU that meet a model which was moved to a GPU: in a layer of it, or beside its output in a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torchdoctor.facts.device_moves import Move, moved_to_gpu
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.kinds import is_parametric
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.values import Made, Sequence, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.events import Event
    from torchdoctor.facts.flow import Flow


@fixed
class Meeting:
    """``event``: the call that torch refuses; ``tensor``: what lies on the CPU; ``move``: of the model.

    ``what``: "input" of the model, "inner" input of one of its layers, or "target" beside its output.
    """

    event: Event
    tensor: Tensor
    move: Move
    what: str


def meetings(flow: Flow) -> Iterator[Meeting]:
    """The calls of a flow in which what lies on the CPU meets a model on the GPU."""
    moves = _moves(flow)
    if not moves:
        return
    outputs: dict[Value, Move] = {}
    whole: dict[object, Move] = {}  # the calls of moved models, by their nodes
    for event in flow.events:
        if event.kind == "forward" and (move := moves.get(event.on)) is not None:
            if _is_late(flow, move, event):
                continue
            given = [tensor for value in event.args[:1] if (tensor := as_tensor(value)) is not None]
            far = [tensor for tensor in given if _on_cpu(tensor)]
            if far:
                yield Meeting(event, far[0], move, "input")
                continue
            whole[event.node] = move
            if isinstance(event.value, Tensor):
                outputs[event.value] = move
        elif event.kind == "forward" and (outer := next((n for n in event.via if n in whole), None)) is not None:
            if isinstance(event.on, Made) and event.on.name.startswith("torch.nn.") and is_parametric(event.on.name):
                far = [tensor for tensor in _given(event) if _on_cpu(tensor) and tensor.of is None]
                if far and event.on.call not in _moved_nodes(moves):
                    yield Meeting(event, far[0], whole[outer], "inner")
        elif event.kind == "loss" and len(event.args) > 1:
            output, target = event.args[:2]
            if output in outputs and isinstance(target, Tensor) and _on_cpu(target) and target.rank:
                if isinstance(output, Tensor) and (output.device is None or output.device.value == "cuda"):
                    yield Meeting(event, target, outputs[output], "target")


def _moves(flow: Flow) -> dict[Value, Move]:
    """The models that the flow moves, or the constructor of the class whose method it is."""
    found = dict(moved_to_gpu(flow))
    facts = flow.file.classes.enclosing(flow.function) if flow.function is not None else None
    made = facts.method("__init__") if facts is not None and not facts.is_module else None
    if made is not None and made[1] is not flow.function and made[0].file is flow.file:
        for other in flow.file.flows.of(made[1]):
            for model, move in moved_to_gpu(other).items():
                found.setdefault(model, move)
    return found


def _is_late(flow: Flow, move: Move, event: Event) -> bool:
    """Whether the same function moves the model after this call of it."""
    file, call = flow.file, event.node
    if event.via or not (file.holds(call) and file.holds(move.node)) or file.function(move.node) is not flow.function:
        return False
    return file.tree.order[move.node] > file.tree.order[call]


def _moved_nodes(moves: dict[Value, Move]) -> set[object]:
    return {model.call for model in moves if isinstance(model, Made)}


def _given(event: Event) -> Iterator[Tensor]:
    for value in event.args:
        for item in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(item, Tensor):
                yield item


def _on_cpu(tensor: Tensor) -> bool:
    return tensor.device is not None and tensor.device.value == "cpu"
