"""Collective operations: the calls that return only when every process of the group has come to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.events import Event
from torchdoctor.facts.ranks import other_side, side
from torchdoctor.facts.values import Attr, Const, Made, Named

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

# The functions of torch.distributed, with the position of their `group`.
COLLECTIVES = {
    "barrier": 0, "monitored_barrier": 0, "all_reduce": 2, "broadcast": 2, "all_gather": 2, "all_gather_object": 2,
    "all_gather_into_tensor": 2, "broadcast_object_list": 2, "all_to_all": 2, "all_to_all_single": 4, "reduce": 3,
    "gather": 3, "gather_object": 3, "scatter": 3, "scatter_object_list": 3, "reduce_scatter": 3,
    "reduce_scatter_tensor": 3,
}  # fmt: skip
_OF_FRAMEWORKS = frozenset(
    {"wait_for_everyone", "gather", "gather_for_metrics", "pad_across_processes", "all_gather", "barrier"}
)
_FSDP = "torch.distributed.fsdp.FullyShardedDataParallel"
_ONLY_FIRST = ("rank_zero_only", "on_main_process", "on_local_main_process", "main_process_only")


def is_collective(flow: Flow, event: Event) -> bool:
    """Whether the event is a collective of all processes: of torch.distributed, without a group of its own; of
    Accelerate or Fabric; or the state dict of a sharded model."""
    callee = event.on
    if event.kind != "call" or not isinstance(event.node, cst.Call):
        return False
    if isinstance(callee, Named) and callee.name.startswith("torch.distributed."):
        name = callee.name.removeprefix("torch.distributed.")
        if name not in COLLECTIVES or any(arg.star for arg in event.node.args):
            return False
        group = event.argument(COLLECTIVES[name], "group")
        return group is None or (isinstance(group, Const) and group.value is None)
    if isinstance(callee, Attr):
        if callee.name == "wait_for_everyone" and not event.args:
            return True
        if callee.name == "state_dict":
            return isinstance(callee.of, Made) and callee.of.name == _FSDP
        return callee.name in _OF_FRAMEWORKS and flow.kind(callee.of) == "trainer"
    return False


def parting_functions(file: File) -> list[cst.CSTNode]:
    """The functions of a file (the module itself among them) in which a test or a decorator parts the ranks."""
    found: dict[cst.CSTNode, None] = {}
    branches: list[cst.If | cst.IfExp | cst.While] = [*file.nodes(cst.If), *file.nodes(cst.IfExp)]
    for branch in (*branches, *file.nodes(cst.While)):
        if (function := file.function(branch) or file.module) not in found and side(file, branch.test):
            found[function] = None
    for either in file.nodes(cst.BooleanOperation):
        if isinstance(file.parent(either), cst.Expr) and side(file, either.left):
            found[file.function(either) or file.module] = None
    for function in file.nodes(cst.FunctionDef):
        if any(_keeps_to_first(file, decorator) for decorator in function.decorators):
            found[function] = None
    return list(found)


def _keeps_to_first(file: File, decorator: cst.Decorator) -> bool:
    name = file.name(decorator.decorator) or file.code(decorator.decorator)
    return name.rpartition(".")[2] in _ONLY_FIRST


def anchor(event: Event) -> cst.CSTNode:
    """The node of the flow's own body in which the event happens: itself, or the call that led to it."""
    return event.via[0] if event.via else event.node


def takers(file: File, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, str]]:
    """The tests around a node, in its function, that only some processes pass, and which of them come to the node:
    "one" or "rest"; innermost first. A decorator that keeps the function to one process counts as a test."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.If, cst.IfExp, cst.While)) and child is not above.test:
            known = side(file, above.test)
            if known is not None:
                passed = child is above.body
                yield above.test, known if passed else other_side(known) or known
        elif isinstance(above, cst.BooleanOperation) and child is above.right and (known := side(file, above.left)):
            yield above.left, known if isinstance(above.operator, cst.And) else other_side(known) or known
        elif isinstance(above, cst.FunctionDef):
            for decorator in above.decorators:
                if _keeps_to_first(file, decorator):
                    yield decorator, "one"
            return
        child = above


def is_answered(flow: Flow, event: Event, taken: str, meetings: list[Event]) -> bool:
    """Whether the ranks on the other side have a collective to come to: here, or in another method of the class."""
    file, mine = flow.file, anchor(event)
    others = [other for other in meetings if anchor(other) is not mine]
    if _is_handed_on(file, mine):
        return True
    if any(flow.exclusive(event, other) or _is_past(flow, event, other) for other in others):
        return True
    nodes = {anchor(other) for other in others}
    facts = file.classes.enclosing(mine)
    if facts is not None:
        for method in facts.methods.values():
            for run in file.flows.of(method) if method is not flow.function else ():
                nodes |= {anchor(other) for other in run.events if is_collective(run, other)}
    return any(other != taken for node in nodes for _, other in takers(file, node))


def _is_handed_on(file: File, mine: cst.CSTNode) -> bool:
    """Whether the ranks in the other arm make a function that holds a collective, or hand one on: who calls it, and so
    whether the ranks meet there, is not in sight."""
    child = mine
    for above in file.ancestors(mine):
        if isinstance(above, cst.FunctionDef):
            return False
        if isinstance(above, cst.If) and child is not above.test and side(file, above.test) is not None:
            other = above.orelse if child is above.body else above.body
            return other is not None and any(_holds_meeting(file, one) for one in _functions_of(file, other))
        child = above
    return False


def _functions_of(file: File, arm: cst.CSTNode) -> Iterator[cst.FunctionDef]:
    """The functions that are defined in an arm, and those of the file that it names without calling them."""
    yield from file.below(arm, cst.FunctionDef)
    for name in file.below(arm, cst.Name):
        called = file.parent(name)
        if isinstance(called, cst.Arg) and (full := file.name(name)) is not None:
            found = defined(file, full)
            if found is not None and found[0] is file and isinstance(found[1], cst.FunctionDef):
                yield found[1]


def _holds_meeting(file: File, function: cst.FunctionDef) -> bool:
    names = (file.name(call.func) or "" for call in file.below(function.body, cst.Call))
    return any(name.removeprefix("torch.distributed.") in COLLECTIVES for name in names)


def _is_past(flow: Flow, event: Event, other: Event) -> bool:
    """Whether those who come to the one leave the function after it, so that the other is for the rest alone."""
    return any(
        leave.arms and leave.arms == event.arms and event.index < leave.index < other.index
        for leave in flow.of("return")
        if not leave.via
    )
