"""Whatever is put into the table, it answers or says nothing: source code holds calls that torch would refuse."""

from __future__ import annotations

from typing import Any

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchdoctor.facts import torch_api
from torchdoctor.facts.axes import in_order
from torchdoctor.facts.axis import Axis
from torchdoctor.facts.torch_api.operators import METHODS as OPERATOR_METHODS
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Element,
    Known,
    Made,
    Named,
    OneOf,
    Param,
    Result,
    Sequence,
    Shape,
    Size,
    Tensor,
    Value,
    const,
)

NODE = cst.parse_expression("f(x, [1, 2], *rest)")
assert isinstance(NODE, cst.Call)
LIST = NODE.args[1].value
X = Param(NODE, "x")
NAMES = ("dim", "keepdim", "dtype", "size", "other", "input", "device", "requires_grad", "mask", "axis", "out", "p",
         "reduction", "kernel_size", "stride", "padding", "scale_factor", "indexing", "chunks", "k")  # fmt: skip

dims = st.one_of(st.integers(-2, 4), st.none(), st.sampled_from([X, Size(X, 0)]))


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Facts that need not fit together: an engine that joins branches may well give such."""
    shape = tuple(draw(st.lists(dims, max_size=5)))
    axes = st.builds(Axis, st.one_of(st.none(), st.integers(0, 4)), st.sampled_from([True, False, None]), st.booleans())
    layout = draw(
        st.one_of(st.just(in_order(shape)), st.lists(axes, min_size=len(shape), max_size=len(shape)).map(tuple))
    )
    facts: dict[str, Any] = {
        "shape": shape,
        "layout": layout,
        "contiguous": draw(st.booleans()),
        "grad": draw(st.sampled_from(["attached", "cut", "leaf", "plain"])),
        "dtype": draw(st.sampled_from(["float", "int", "bool", "float32", "int64"])),
        "scale": draw(st.sampled_from(["logits", "probabilities", "unit"])),
    }
    kept = draw(st.sets(st.sampled_from(sorted(facts))))
    return Tensor(NODE, of=draw(st.sampled_from([None, X]))).but(**{name: Known(facts[name], NODE) for name in kept})


constants = st.one_of(
    st.integers(-3, 5),
    st.floats(-2, 2),
    st.booleans(),
    st.none(),
    st.sampled_from(["", ",", "none", "ij,jk->ik", "same", "cuda"]),
    st.just(...),
).map(const)
others = st.sampled_from(
    [UNKNOWN, X, Attr(X, "y"), Result(NODE, X), Element(X, NODE), Shape(X), Size(X, 1), Named("torch.float32"),
     Named("torch.channels_last"), Made("torch.device", NODE, (const("cpu"),)), OneOf(frozenset((X, const(1))))]
)  # fmt: skip
plain = st.one_of(constants, others, tensors())
values: st.SearchStrategy[Value] = st.one_of(
    plain,
    st.lists(plain, max_size=4).map(lambda items: Sequence(tuple(items))),
    st.lists(plain, max_size=4).map(lambda items: Made("builtins.list", LIST, tuple(items))),
)
arguments = st.builds(
    torch_api.Arguments,
    st.just(NODE),
    st.lists(values, max_size=6).map(tuple),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
    st.booleans(),
    st.sampled_from([None, Known(False, NODE), Known(True, NODE)]),
)
FUNCTIONS, METHODS, MODULES = (sorted(part) for part in (table().functions, table().methods, table().modules))
SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


def ask_everything(data: st.DataObject) -> None:
    given_ = data.draw(arguments)
    torch_api.call(data.draw(st.sampled_from(FUNCTIONS)), given_)
    name = data.draw(st.sampled_from(METHODS))
    torch_api.method(name, given_)
    torch_api.method(f"{name}_", given_)
    made = Made(data.draw(st.sampled_from(MODULES)), NODE, tuple(data.draw(st.lists(values, max_size=5))),
                tuple(data.draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=3)).items()))  # fmt: skip
    torch_api.module(made.name, made, given_)
    torch_api.operator(data.draw(st.sampled_from([*OPERATOR_METHODS, "?"])), given_.values[:2], NODE)
    value = data.draw(values)
    torch_api.attribute(
        value, data.draw(st.sampled_from(["T", "shape", "mT", "data", "dtype", "values", "ndim", "x"])), NODE
    )
    keys = st.one_of(values, st.builds(torch_api.Slice, *[st.one_of(st.none(), plain)] * 3))
    torch_api.index(value, tuple(data.draw(st.lists(keys, max_size=4))), NODE)
    tensor = torch_api.as_tensor(value)
    if tensor is not None:
        torch_api.view_fails(tensor, tuple(data.draw(st.lists(dims, max_size=4))))
        torch_api.refine_rank(value, 3)
        torch_api.augment("+", tensor, data.draw(values), NODE)


@settings(SETTINGS, max_examples=300)
@given(st.data())
def test_nothing_makes_it_fall(data: st.DataObject) -> None:
    ask_everything(data)


@pytest.mark.slow
def test_nothing_makes_it_fall_at_length() -> None:
    settings(SETTINGS, max_examples=20_000)(given(st.data())(ask_everything))()


def test_methods_of_other_things() -> None:
    """A parameter may be a string or a list: what its methods give is no tensor then."""
    for name, argument in (("split", const(",")), ("index", const(1)), ("format", X), ("count", X)):
        assert torch_api.method(name, torch_api.Arguments(NODE, (X, argument), {})) is None, name
