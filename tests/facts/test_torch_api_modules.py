"""The modules of the table, made and called in torch: whatever the table claims is what they gave."""

from __future__ import annotations

import libcst as cst
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.facts.torch_calls import split_keywords
from tests.facts.torch_modules import MODULES
from tests.facts.torch_tensors import NODE, TALLY, Draw, Judge
from torchdoctor.facts import torch_api
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.values import Known, Made

# What torch thinks of some random call is of no interest here.
pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}
MADE = cst.parse_expression("Layer()")
# Made of modules, so called by hand below.
COMPOSED = {"torch.nn.Sequential", "torch.nn.TransformerEncoder", "torch.nn.TransformerDecoder"}
NAMES = sorted(table().modules.keys() - COMPOSED)


def test_every_module_is_called() -> None:
    missing = [name for name in NAMES if name not in MODULES]
    assert not missing, f"write recipes in torch_modules.py for {missing}"


def run(name: str, draw: Draw, judge: Judge) -> bool:
    """Make the module and call it, in torch and in the table; returns whether torch accepted it."""
    made_with, called_with = MODULES[name](draw)
    arguments, keywords = split_keywords(made_with)
    made = Made(name, MADE, tuple(a.value for a in arguments), tuple((k, a.value) for k, a in keywords.items()))
    values, named = split_keywords(called_with)
    off = draw.chance(15)
    given = torch_api.Arguments(
        NODE,
        tuple(a.value for a in values),
        {k: a.value for k, a in named.items()},
        grad=Known(False, NODE) if off else None,
    )
    try:
        module = getattr(torch.nn, name.removeprefix("torch.nn."))(
            *(a.real for a in arguments), **{k: a.real for k, a in keywords.items()}
        )
        module.train(draw.chance(60))
        with torch.set_grad_enabled(not off):
            result = module(*(a.real for a in values), **{k: a.real for k, a in named.items()})
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError):
        torch_api.module(name, made, given)  # must not raise
        return False
    judge.check(torch_api.module(name, made, given), result)
    return True


def examine(name: str, examples: int, *, small: bool) -> None:
    accepted = 0

    @settings(max_examples=examples, **SETTINGS)
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        nonlocal accepted
        draw = Draw(data, small=small)
        torch.manual_seed(0)
        understood = run(name, draw, Judge(draw))
        TALLY.call(name, understood)
        accepted += understood

    property_()
    assert accepted, f"torch refused every call of {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_module_claims_what_torch_does(name: str) -> None:
    examine(name, 8, small=False)


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_module_claims_what_torch_does_at_length(name: str, small: bool) -> None:
    examine(name, 200, small=small)
