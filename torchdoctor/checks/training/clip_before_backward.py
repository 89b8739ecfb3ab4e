"""Gradients that are clipped before the backward that makes them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_flow
from torchdoctor.checks._moving import line_of, moved
from torchdoctor.facts.events import Event, exclusive
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.training import Training, blamed
from torchdoctor.facts.values import Value

_NOTHING_NEW = frozenset({"cleared", "spent", "entry"})


@on_flow(words=["clip_grad_norm_", "clip_grad_value_", "clip_grad_norm", "clip_gradients"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for clip in flow.of("clip"):
        optimizers = [optimizer for optimizer in facts.optimizers if facts.clips(clip, optimizer) is True]
        backwards = [_later(flow, facts, optimizer, clip) for optimizer in optimizers]
        if backwards and (backward := backwards[0]) is not None and None not in backwards:
            if file in (clip.file, backward.file):
                yield _found(file, flow, clip, backward)


def _later(flow: Flow, facts: Training, optimizer: Value, clip: Event) -> Event | None:
    """The backward that the clip should have waited for, where there are no new gradients at the clip."""
    states = {gradients.state for gradients in facts.gradients(optimizer).states(clip)}
    if not states or not states <= _NOTHING_NEW:
        return None
    for event in flow.events[clip.index + 1 :]:
        if exclusive(clip, event):
            continue
        if event.loops[: len(clip.loops)] != clip.loops or facts.steps(event, optimizer):
            return None
        if event.kind == "backward" and event.loops == clip.loops and facts.feeds(event, optimizer) is True:
            before = [e for e in flow.of("forward", "loss") if e.loops == clip.loops and e.index < clip.index]
            return event if "cleared" in states or "spent" in states or before else None
    return None


def _found(file: File, flow: Flow, clip: Event, backward: Event) -> Found:
    place, late = blamed(flow, clip, backward), blamed(flow, backward, clip)
    name = clip.file.code(clip.node).partition("(")[0].rpartition(".")[2]
    return Found(
        place,
        f"`{name}` finds no new gradients to clip: the `backward()` that makes them comes after it",
        marks=((late, "the gradients are computed here"),) if late is not place else (),
        swaps=moved(file, line_of(file, clip), line_of(file, backward)),
    )
