"""Finds models that are called in eval mode with gradients on, where nothing is differentiated.

Silent where any way to the call has gradients off or wants them, where a framework holds them off, and in tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts import evaluation
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.tests import holds_tests


@on_file(words=("eval", ".train("))
def check(file: File, _: File) -> Iterator[Found]:
    if holds_tests(file) or not evaluation.mode_words(file):
        return
    told: set[tuple[cst.CSTNode | None, str]] = set()
    for call, (flow, event) in _evaluated(file).items():
        key = file.function(call), file.code(call.func)
        if key not in told and not _is_silent(file, call, flow):
            told.add(key)
            yield _found(file, call, event)


def _evaluated(file: File) -> dict[cst.Call, tuple[Flow, Event]]:
    """The calls in eval mode, gradients on, of which no flow takes a gradient and whose output comes to an end."""
    found: dict[cst.Call, tuple[Flow, Event]] = {}
    wanted: set[cst.Call] = set()
    for flow in file.flows.touching(evaluation.words(file)):
        for event in flow.of("forward"):
            call = evaluation.own_call(event, file)
            if call is None or event.grad.enabled is not True or evaluation.put_in_eval(event) is None:
                continue
            if evaluation.differentiated(flow, event):
                wanted.add(call)
            elif evaluation.ends(file, call) or evaluation.measured(flow, event):
                found.setdefault(call, (flow, event))
    return {call: where for call, where in found.items() if call not in wanted}


def _is_silent(file: File, call: cst.Call, flow: Flow) -> bool:
    if evaluation.held_by_framework(file, call) or evaluation.works_with_gradients(file, call):
        return True
    function = file.function(call)
    made = [made for name in ("torch.no_grad", "torch.inference_mode") for made in file.calls(name)]
    if any(file.function(bare) is function and isinstance(file.parent(bare), cst.Expr) for bare in made):
        return True  # never entered: a rule of its own tells of that
    for own in file.flows.of(function) if function is not None else ():
        if own.elsewhere is None:
            return True
        for other in own.elsewhere:
            if any(event.node is call and event.grad.enabled is not True for event in other.of("forward")):
                return True
    return False


def _found(file: File, call: cst.Call, event: Event) -> Found:
    function, model = file.function(call), file.code(call.func)
    where = f"`{function.name.value}` runs" if function is not None else "the script runs"
    setting = evaluation.put_in_eval(event)
    return Found(
        call,
        f"{where} `{model}` in eval mode with gradients on: each forward keeps its graph",
        marks=((setting, "put into eval mode here"),) if setting in file.tree.order else (),
        swaps=tuple(_swaps(file, function, setting)),
    )


def _swaps(file: File, function: cst.FunctionDef | None, setting: cst.CSTNode | None) -> Iterator[Swap]:
    """The whole function without gradients, where it evaluates and does nothing else."""
    if function is None or setting is None or file.function(setting) is not function:
        return
    found = file.scopes.find("torch", function)
    means_torch = found is not None and [file.names.of_import(b.node) for b in found[1]] == ["torch"]
    if means_torch and not any(flow.of("backward", "autograd_grad") for flow in file.flows.of(function)):
        yield Swap(function, "@torch.no_grad()", "before")
