"""Graphs of losses: which losses backward has run on, and which expressions still carry such a graph."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.accumulation import Accumulation, begins_anew, feeds, loops_around
from torchdoctor.facts.context import OFF
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.origins import assigned, origins
from torchdoctor.facts.values import Const, Made, Tensor, Unknown, Value

# Methods that hand on the graph of what they are called on.
_KEEPING = frozenset(
    {
        "mean",
        "sum",
        "cpu",
        "to",
        "cuda",
        "float",
        "double",
        "half",
        "clone",
        "squeeze",
        "view",
        "reshape",
        "flatten",
    }
)


def spent_losses(flow: Flow, kept: Accumulation) -> list[Event]:
    """The backwards of a loop whose graphs are of no more use when their losses are kept beyond a pass of it.

    For a `training_step` of Lightning it is the return. Empty where the holder begins anew, or reaches a backward.
    """
    file, body = flow.file, flow.node
    assert not isinstance(body, cst.Lambda)
    backwards = [event for event in flow.of("backward") if not _retains(event)]
    for loop in loops_around(file, kept.node, body):
        if _grad_is_off(flow, kept, loop):
            return []
        inside = [event for event in backwards if loop in event.loops and not _apart(flow, event, kept.node)]
        if inside:
            ends = [event.via[0] if event.via else event.node for event in inside]
            lives_on = begins_anew(file, loop, kept.holder) or feeds(file, body, kept.holder, ends)
            return [] if lives_on or _is_bounded(flow, kept) else inside
    return _returned_losses(flow, kept)


def _returned_losses(flow: Flow, kept: Accumulation) -> list[Event]:
    """What a Lightning step returns, which the trainer runs backward on, where the holder outlives the step."""
    function = flow.function
    if function is None or function.name.value != "training_step" or not kept.holder.startswith("self."):
        return []
    owner = flow.file.classes.enclosing(function)
    if owner is None or "lightning" not in owner.kinds or begins_anew(flow.file, function, kept.holder):
        return []
    returns = flow.of("return")
    return [] if any(event.grad.enabled is False for event in returns) else returns


def carriers(
    flow: Flow, node: cst.BaseExpression, spent: list[Event], within: tuple[cst.BaseExpression, ...] = ()
) -> list[cst.BaseExpression]:
    """The parts of an expression that carry the graph of one of these losses.

    ``within`` are the sums that are being looked at: `total = total + loss` asks for itself.
    """
    value = flow.value(node)
    if isinstance(value, Const) or (
        isinstance(value, Tensor) and value.grad is not None and value.grad.value != "attached"
    ):
        return []
    if isinstance(node, cst.Name) and _is_cut_beside(flow.file, node, spent):
        return []
    if any(_same(value, loss) for event in spent for loss in _losses(event)):
        return [node] if not _is_cut(value, spent) else []
    if isinstance(node, (cst.Tuple, cst.List)):
        return [part for element in node.elements for part in carriers(flow, element.value, spent, within)]
    if isinstance(node, cst.Dict):
        return [part for element in node.elements for part in carriers(flow, element.value, spent, within)]
    if isinstance(node, cst.BinaryOperation):
        return carriers(flow, node.left, spent, within) + carriers(flow, node.right, spent, within)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _KEEPING:
        return [node] if carriers(flow, node.func.value, spent, within) else []
    if isinstance(value, Tensor) and value.grad is not None and _shares_model(value, spent):
        return [node]
    if isinstance(node, cst.Name):
        sums = [one for one in assigned(flow.file, node) if isinstance(one, cst.BinaryOperation)]
        if len(sums) == 1 and sums[0] not in within:
            return [node] if carriers(flow, sums[0], spent, (*within, sums[0])) else []
    return []


def _is_cut_beside(file: File, node: cst.Name, spent: list[Event]) -> bool:
    """Whether the name is cut next to each backward, which not every way comes to: `if ...: loss.backward(); loss =
    loss.detach()`."""
    cut = [one for one in assigned(file, node) if file.code(one) in (f"{node.value}.detach()", f"{node.value}.item()")]
    blocks = {file.parent(line) for one in cut if (line := file.statement(one)) is not None}
    spending = [file.statement(event.node) for event in spent if event.file is file]
    return bool(spending) and all(line is not None and file.parent(line) in blocks for line in spending)


def _losses(event: Event) -> list[Value]:
    """The values that a backward may run on: a framework's is given the loss; a step returns it, or a dict with it."""
    found = [event.on, *event.args[:1]]
    for value in list(found):
        if isinstance(value, Made) and value.name == "builtins.dict":
            found += [part for key, part in value.keywords if key == "loss"]
    return found


def _same(a: Value, b: Value) -> bool:
    if isinstance(a, (Unknown, Const)):
        return False
    same_thing = isinstance(a, Tensor) and isinstance(b, Tensor) and a.of is not None and a.of == b.of
    return a == b or same_thing


def _is_cut(value: Value, spent: list[Event]) -> bool:
    return all(event.kind == "backward" and event.grad.enabled is False for event in spent)


def _shares_model(value: Tensor, spent: list[Event]) -> bool:
    models = frozenset().union(*(loss.models for event in spent for loss in _losses(event) if isinstance(loss, Tensor)))
    return bool(value.models & models)


def _retains(event: Event) -> bool:
    retain = event.argument(1, "retain_graph")
    return retain is not None and not (isinstance(retain, Const) and not retain.value)


def _is_bounded(flow: Flow, kept: Accumulation) -> bool:
    """Whether the holder drops what is old: `deque(maxlen=...)`."""
    made = [origin for origin in origins(flow.file, kept.target) if isinstance(origin.node, cst.Call)]
    return any(
        origin.file.name(origin.node.func) == "collections.deque"
        and origin.file.argument(origin.node, 1, "maxlen") is not None
        for origin in made
        if isinstance(origin.node, cst.Call)
    )


def _grad_is_off(flow: Flow, kept: Accumulation, loop: cst.CSTNode) -> bool:
    """Whether a sum is made under `no_grad`, and so without a graph."""
    for above in flow.file.ancestors(kept.node):
        if above is loop or kept.listed:
            return False
        if isinstance(above, cst.With):
            calls = [item.item.func for item in above.items if isinstance(item.item, cst.Call)]
            if any(flow.file.name(call) in OFF for call in calls):
                return True
    return False


def _apart(flow: Flow, event: Event, node: cst.CSTNode) -> bool:
    """Whether one pass sees only one of the two: they lie in different arms of an `if`."""
    arms = {arm.branch: arm.index for arm in event.arms}
    child: cst.CSTNode = node
    for above in flow.file.ancestors(node):
        if isinstance(above, cst.If) and above in arms and child is not above.test:
            if arms[above] != (0 if child is above.body else 1):
                return True
        child = above
    return False
