"""Finds evaluation of a model that is in train mode, where a layer of it is known to do something else then.

Silent where the mode is set on any way to the call, where train mode is asked for right there (Monte Carlo dropout,
statistics of batch norm), in training steps, under frameworks, and in tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.checks.evaluation._setting import eval_before
from torchdoctor.facts import evaluation, measuring
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.mode_layers import mode_layer
from torchdoctor.facts.tests import holds_tests

_OFF = frozenset({"no_grad", "inference_mode", "set_grad_enabled"})


@on_file(words=_OFF)
def check(file: File, _: File) -> Iterator[Found]:
    if holds_tests(file) or not measuring.may_measure(file, _OFF):
        return
    told: set[tuple[cst.CSTNode | None, str]] = set()
    for call, (event, layer) in _evaluated(file).items():
        key = file.function(call), file.code(call.func)
        if key not in told:
            told.add(key)
            yield _found(file, call, event, layer)


def _evaluated(file: File) -> dict[cst.Call, tuple[Event, str]]:
    """The calls that measure a model without gradients, and in none of their contexts in eval mode."""
    found: dict[cst.Call, tuple[Event, str]] = {}
    fine: set[cst.Call] = set()
    for flow in measuring.all_contexts(file, _OFF):
        for event in flow.of("forward"):
            call = _unheld_call(file, event)
            if call is None:
                continue
            if any(mode.training is False for mode in event.modes) or evaluation.put_in_eval(event) is not None:
                fine.add(call)
            elif measuring.measures(flow, event) and measuring.left_in_training(flow, event):
                if (layer := mode_layer(file, event.on)) is not None:
                    found.setdefault(call, (event, layer))
    return {call: where for call, where in found.items() if call not in fine}


def _unheld_call(file: File, event: Event) -> cst.Call | None:
    """The event's call, where it runs without gradients and nobody else minds the model's mode."""
    call = evaluation.own_call(event, file)
    if call is None or event.grad.enabled is not False or measuring.is_own_layer(file, call):
        return None
    return None if evaluation.held_by_framework(file, call) else call


def _found(file: File, call: cst.Call, event: Event, layer: str) -> Found:
    function, model = file.function(call), file.code(call.func)
    where = f"`{function.name.value}` evaluates" if function is not None else "the script evaluates"
    setting = next((mode.because for mode in event.modes if mode.because in file.tree.order), None)
    return Found(
        call,
        f"{where} `{model}` in train mode: its {layer} works as in training",
        marks=((setting, "put into train mode here"),) if setting is not None else (),
        swaps=tuple(eval_before(file, call)),
    )
