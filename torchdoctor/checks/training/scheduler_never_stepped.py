"""A learning-rate scheduler that is made, and then neither stepped nor handed to anything that might step it."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_flow
from torchdoctor.facts.escape import contains
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.handles import Uses, is_seen_through, uses_of
from torchdoctor.facts.schedulers import SCHEDULERS
from torchdoctor.facts.values import Attr, Made, Result, Value

# What a scheduler can be asked without changing a learning rate.
_QUESTIONS = frozenset({
    "state_dict", "load_state_dict", "get_last_lr", "get_lr", "print_lr", "last_epoch", "base_lrs", "optimizer",
    "_last_lr", "gamma", "T_max", "total_steps", "milestones", "best", "num_bad_epochs", "patience", "factor",
})  # fmt: skip


@on_flow(words=SCHEDULERS)
def check(file: File, flow: Flow) -> Iterator[Found]:
    for event in flow.of("make", "call"):
        if event.via or flow.kind(event.value) != "scheduler" or not isinstance(event.value, (Made, Result)):
            continue
        uses = uses_of(file, event.node)
        if flow.function is None and "backward" not in file.calls_by_method:
            continue  # a file of settings: whoever imports it trains
        if uses is None or (isinstance(uses.binds, cst.Attribute) and not _trains(file, event.node)):
            continue
        if not _may_step(flow, event, uses):
            name = file.code(uses.binds) if uses.binds is not None else "a scheduler"
            shown = f"`{name}`" if uses.binds is not None else name
            yield Found(event.node, f"{shown} is made here and never stepped: the learning rate stays where it begins")


def _trains(file: File, node: cst.CSTNode) -> bool:
    """Whether the class around runs the training steps itself, and no base elsewhere can reach the attribute."""
    facts = file.classes.enclosing(node)
    if facts is None or not facts.complete or "lightning" in facts.kinds:
        return False
    if any(ancestor.file is not file for ancestor in facts.ancestry):
        return False
    calls = {m: file.calls_by_method.get(m, ()) for m in ("step", "backward")}
    own = {m: [call for call in found if facts.node in file.ancestors(call)] for m, found in calls.items()}
    return bool(own["step"]) and any(_is_repeated(file, call) for call in own["backward"])


def _is_repeated(file: File, call: cst.CSTNode, depth: int = 2) -> bool:
    """Whether a loop of this file runs the call: who goes through the epochs steps the schedule."""
    if file.enclosing(call, cst.For, cst.While) is not None:
        return True
    function = file.function(call)
    callers = file.calls_by_method.get(function.name.value, ()) if function is not None and depth else ()
    return any(_is_repeated(file, caller, depth - 1) for caller in callers)


def _may_step(flow: Flow, made: Event, uses: Uses) -> bool:
    if any(attribute not in _QUESTIONS for attribute in uses.attributes):
        return True
    if not all(is_seen_through(flow, place) for place in uses.handed):
        return True
    return any(_gets(event, made.value) for event in flow.events if event is not made)


def _gets(event: Event, scheduler: Value) -> bool:
    """Whether the event steps the scheduler or lets it out of sight."""
    if event.kind in ("step", "return", "yield") and contains(event.on, scheduler):
        return True
    if isinstance(event.on, Attr) and event.on.of == scheduler and event.on.name not in _QUESTIONS:
        return True
    if event.kind == "write" and not event.via:
        return False  # under another name here: then its uses are those of that name
    return any(contains(value, scheduler) for value in (*event.args, *event.keywords.values()))
