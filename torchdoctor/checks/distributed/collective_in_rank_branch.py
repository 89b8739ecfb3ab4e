"""A collective operation that only some ranks come to.

Silent where the others come to a collective too: in the other arm, or in the branch that matches where one goes first.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.collectives import anchor, is_answered, is_collective, parting_functions, takers
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow


@on_file(words=["rank", "RANK", "distributed", "main_process", "process_zero", "global_zero", "master"])
def check(file: File, _: File) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    for function in parting_functions(file):
        for flow in file.flows.of(function):
            meetings = [event for event in flow.events if is_collective(flow, event)]
            yield from _in_branches(file, flow, meetings, told)
            yield from _after_leaving(file, flow, meetings)


def _in_branches(file: File, flow: Flow, meetings: list[Event], told: set[cst.CSTNode]) -> Iterator[Found]:
    """A collective inside `if rank == 0`."""
    for event in meetings:
        node = anchor(event)
        taking = next(takers(file, node), None)
        if taking is None or node in told or is_answered(flow, event, taking[1], meetings):
            continue
        told.add(node)
        test, taken = taking
        missing = "the other ranks never come to it" if taken == "one" else "the rank left out never comes to it"
        yield Found(
            node, f"{_called(file, event)} under `{file.code(test)}`: {missing}", ((test, "some ranks pass here"),)
        )


def _called(file: File, event: Event) -> str:
    assert isinstance(event.node, cst.Call)
    name = event.file.code(event.node.func)
    call = anchor(event)
    if not event.via or not isinstance(call, cst.Call):
        return f"`{name}` is called"
    return f"`{file.code(call.func)}` calls `{name}`"


def _after_leaving(file: File, flow: Flow, meetings: list[Event]) -> Iterator[Found]:
    """A collective behind `if rank != 0: return`: one finding for each way out."""
    for leave in flow.of("return", "continue"):
        taking = next(takers(file, leave.node), None) if not leave.via else None
        if taking is None or isinstance(taking[0], cst.Decorator):
            continue
        if any(event.arms[: len(leave.arms)] == leave.arms for event in meetings):
            continue  # those who leave have met the others before
        for event in meetings:
            if event.index > leave.index and _is_behind(file, event, leave):
                test = file.code(taking[0])
                yield Found(
                    anchor(event),
                    f"{_called(file, event)} when some ranks have left under `{test}`: they never come to it",
                    marks=((leave.node, "these ranks leave here"),),
                )
                break


def _is_behind(file: File, event: Event, leave: Event) -> bool:
    """Whether a collective that is open to all ranks comes after some have left its function, or its loop's pass."""
    if leave.kind == "continue" and leave.loops != event.loops[: len(leave.loops)]:
        return False
    branches = {arm.branch for arm in leave.arms}
    return not any(arm.branch in branches for arm in event.arms) and next(takers(file, anchor(event)), None) is None
