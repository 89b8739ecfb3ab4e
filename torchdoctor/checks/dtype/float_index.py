"""Finds floats that are used as indices: of an embedding, of gather and its kind, in a subscript."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.quotients import divided_keys, is_quotient, is_tensor_indexed, may_hold_floats
from torchdoctor.facts.torch_api.wanted_dtypes import FLOAT_WORDS, INDICES, is_float
from torchdoctor.facts.values import Tensor

_NAMES = frozenset(INDICES)
_SWAPPABLE = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


@on_file(words=_NAMES)
def in_a_call(file: File, _: File) -> Iterator[Found]:
    if _NAMES.isdisjoint(file.mentions) or FLOAT_WORDS.isdisjoint(file.mentions):
        return
    for verdict in judged(file, _NAMES, _judge, FLOAT_WORDS, _NAMES):
        use, tensor = verdict.operation, verdict.says
        if may_fail(use.file, use.node) or may_fail(file, verdict.node):
            continue
        assert isinstance(tensor, Tensor) and tensor.dtype is not None
        given = use.expression(INDICES[use.name])
        what = f"`{short(use.file, given)}`" if given is not None else "its input"
        role = "the indices" if INDICES[use.name] == "input" else f"the `{INDICES[use.name]}`"
        swappable = isinstance(given, _SWAPPABLE) and not verdict.elsewhere
        yield Found(
            verdict.node,
            f"{what} holds {_floats(tensor)} and is {role} of `{use.name}`",
            marks=reasons(verdict, (tensor.dtype, "made a float here")),
            swaps=(Swap(given, f"{file.code(given)}.long()"),) if given is not None and swappable else (),
        )


@on_file(words=FLOAT_WORDS)
def in_a_subscript(file: File, _: File) -> Iterator[Found]:
    keys: dict[cst.BaseExpression, cst.Subscript] = {}
    for node in file.nodes(cst.Subscript):
        written = (element.slice.value for element in node.slice if isinstance(element.slice, cst.Index))
        keys |= {key: node for key in written if isinstance(key, cst.Name) and may_hold_floats(file, key)}
    functions = dict.fromkeys(file.function(node) or file.module for node in keys.values())
    told = set()
    for flow in (flow for function in functions for flow in file.flows.of(function)):
        for key, node in keys.items():
            index, of = flow.values.get(key), flow.values.get(node.value)
            if key in told or not isinstance(of, Tensor) or may_fail(file, node):
                continue
            if isinstance(index, Tensor) and is_float(index):
                told.add(key)
                what = f"`{short(file, node)}` is indexed with `{short(file, key)}`, which holds {_floats(index)}"
                yield Found(node, what, swaps=(Swap(key, f"{file.code(key)}.long()"),))


@on_file(words=FLOAT_WORDS)
def by_a_quotient(file: File, _: File) -> Iterator[Found]:
    keys = divided_keys(file)
    told = set()
    for flow in file.flows.running(dict.fromkeys(file.function(node) or file.module for node in keys.values())):
        for key, node in keys.items():
            index, of = flow.values.get(key), flow.values.get(node.value)
            if key in told or index is None or of is None or may_fail(file, node):
                continue
            if is_quotient(index) and is_tensor_indexed(of, index):
                told.add(key)
                what = f"`{short(file, node)}` is indexed with `{short(file, key)}`, and `/` gives a float"
                yield Found(key, what, swaps=(Swap(key, f"int({file.code(key)})"),))


def _judge(use: Operation) -> Tensor | None:
    tensor = use.tensor(INDICES[use.name])
    return tensor if is_float(tensor) else None


def _floats(tensor: Tensor) -> str:
    assert tensor.dtype is not None
    return "floats" if tensor.dtype.value == "float" else tensor.dtype.value
