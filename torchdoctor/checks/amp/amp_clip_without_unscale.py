"""Gradients that are clipped between `scaler.scale(loss).backward()` and the step, without `scaler.unscale_`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.checks._moving import line_of
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.scaling import scaled_at
from torchdoctor.facts.training import blamed


@on_flow(words=["clip_grad_norm_", "clip_grad_value_", "clip_grad_norm"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for clip in flow.of("clip"):
        if clip.by is not None:
            continue  # an Accelerator or a sharded model, which unscales by itself
        optimizers = [optimizer for optimizer in facts.optimizers if facts.clips(clip, optimizer) is True]
        backwards = [scaled_at(flow, facts, optimizer, clip) for optimizer in optimizers]
        if backwards and (backward := backwards[0]) is not None and None not in backwards:
            if file in (clip.file, backward.file):
                yield _found(file, flow, clip, backward)


def _found(file: File, flow: Flow, clip: Event, backward: Event) -> Found:
    place, scaled = blamed(flow, clip), blamed(flow, backward)
    name = clip.file.code(clip.node).partition("(")[0].rpartition(".")[2]
    return Found(
        place,
        f"`{name}` clips gradients that are still multiplied by the scaler's scale",
        marks=((scaled, "the scaled loss goes backward here"),) if scaled is not place else (),
        swaps=_unscaled(file, flow, clip),
    )


def _unscaled(file: File, flow: Flow, clip: Event) -> tuple[Swap, ...]:
    """Unscale first, with the scaler and the optimizer as the step in the same function names them."""
    step = next((e for e in flow.of("scaler_step") if e.index > clip.index), None)
    line = file.statement(clip.node) if clip.file is file else None
    if step is None or step.file is not file or not isinstance(step.node, cst.Call) or line is None:
        return ()
    later = any(e.kind == "unscale" and clip.index < e.index < step.index for e in flow.events)
    if later or file.function(step.node) is not file.function(line) or line_of(file, step) is None:
        return ()
    assert isinstance(step.node.func, cst.Attribute)
    text = f"{file.code(step.node.func.value)}.unscale_({file.code(step.node.args[0].value)})"
    return (Swap(line, text, "before"),)
