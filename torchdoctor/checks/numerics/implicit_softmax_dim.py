"""Finds softmax, log_softmax and softmin that are not told their dimension."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_call
from torchdoctor.facts.file import File

_FUNCTIONS = tuple(f"torch.nn.functional.{name}" for name in ("softmax", "log_softmax", "softmin"))
_LAYERS = tuple(f"torch.nn.{name}" for name in ("Softmax", "LogSoftmax", "Softmin"))


@on_call(*_FUNCTIONS)
def function(file: File, call: cst.Call) -> Iterator[Found]:
    if call.args and _is_missing(file, call, 1):
        yield _found(file, call)


@on_call(*_LAYERS)
def layer(file: File, call: cst.Call) -> Iterator[Found]:
    if _is_missing(file, call, 0) and not isinstance(file.parent(call), cst.ClassDef):
        yield _found(file, call)


def _is_missing(file: File, call: cst.Call, place: int) -> bool:
    dim = file.argument(call, place, "dim")
    given_none = isinstance(dim, cst.Name) and dim.value == "None"
    return not file.has_star(call) and (dim is None or given_none)


def _found(file: File, call: cst.Call) -> Found:
    name = file.code(call.func)
    swaps: tuple[Swap, ...] = ()
    if not any(arg.keyword is not None and arg.keyword.value in ("dim", "_stacklevel") for arg in call.args):
        inner = ", ".join(file.code(arg).strip().rstrip(",").rstrip() for arg in call.args)
        if "\n" not in inner and not any(
            isinstance(arg.value, cst.Name) and arg.value.value == "None" for arg in call.args
        ):
            swaps = (Swap(call, f"{name}({inner + ', ' if inner else ''}dim=-1)"),)
    return Found(
        call,
        f"`{name}` is given no `dim`: torch takes 0 for tensors of 0, 1 and 3 dimensions and 1 for all others",
        swaps=swaps,
    )
