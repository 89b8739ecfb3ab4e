"""Finds checkpoints that are loaded to the device they were saved from.

Silent where the loaded thing is not seen to be a model or its state, where the same run has just saved it, where a
guard says that a GPU is there, and in a program that trains, knows no GPU and saves its checkpoints itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_call
from torchdoctor.facts.checkpoints import Loaded
from torchdoctor.facts.file import File
from torchdoctor.facts.tests import holds_tests

_DEVICE = re.compile(r"cuda|gpu|\bdevice\b|accelerat", re.IGNORECASE)


@on_call("torch.load", "torch.jit.load", words=(".load(", "import load"))
def check(file: File, call: cst.Call) -> Iterator[Found]:
    source = file.argument(call, 0, "f")
    if source is None or file.has_star(call) or file.argument(call, 1, "map_location") is not None:
        return
    if holds_tests(file) or _is_buffer(file, source) or _is_own(file, call, source) or _is_guarded(file, call):
        return
    shown = " ".join(file.code(source).split())
    if file.name(call.func) == "torch.jit.load":
        yield Found(call, f"`torch.jit.load({shown})` puts the model on the device it was saved from")
        return
    loaded = Loaded(file, call)
    taker = loaded.state or loaded.module
    if taker is None:
        return
    last = call.args[-1].value
    yield Found(
        call,
        f"`torch.load({shown})` puts every tensor on the device it was saved from",
        marks=((taker, "the loaded state goes here" if loaded.state else "the loaded model is used here"),),
        swaps=(Swap(last, f'{file.code(last)}, map_location="cpu"'),) if loaded.state and loaded.only_state else (),
    )


def _is_buffer(file: File, source: cst.BaseExpression) -> bool:
    """Bytes in memory: they come from this very process, or from whoever sent them."""
    value: cst.BaseExpression | None = source
    if isinstance(source, cst.Name):
        value = next(iter(file.scopes.values(source)), None)
    return isinstance(value, cst.Call) and file.name(value.func) in ("io.BytesIO", "tempfile.TemporaryFile")


def _is_own(file: File, call: cst.Call, source: cst.BaseExpression) -> bool:
    """The file was written before, by the same function; or by this program, which knows of no GPU."""
    saves = list(file.calls("torch.save"))
    if saves and "backward" in file.mentions and not _DEVICE.search(file.text):
        return True
    here, order = file.function(call), file.tree.order
    return any(
        file.function(save) is here
        and order[save] < order[call]
        and (target := file.argument(save, 1, "f")) is not None
        and target.deep_equals(source)
        for save in saves
    )


def _is_guarded(file: File, call: cst.Call) -> bool:
    """A test for a GPU stands before it. To catch the failure is a guard only where the load is tried again."""
    guard = file.guards.of(call)
    return guard is not None and not (isinstance(guard, cst.ExceptHandler) and "map_location" not in file.code(guard))
