"""The table of torch, held against torch: whatever it claims of a result is what torch did.

Each row is called with random tensors of every kind, and with what is known of them. The small sample that always runs
finds a row that is plainly wrong; `-m slow` looks longer.
"""

from __future__ import annotations

import builtins
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.facts.torch_calls import RECIPES, split_keywords
from tests.facts.torch_tensors import NODE, TALLY, Draw, Judge
from torchdoctor.facts import torch_api
from torchdoctor.facts.torch_api.rows import Row
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.values import Known, Tensor

# What torch thinks of some random call is of no interest here.
pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


def all_rows() -> dict[str, Row]:
    """Every row once, by its first name."""
    rows = {**table().functions, **{f".{name}": row for name, row in table().methods.items()}}
    return {row.names[0]: row for row in rows.values()}


ROWS = all_rows()
if not torch.cuda.is_available():
    del ROWS[".cuda"]


def recipe_of(row: Row) -> Any:
    return next((RECIPES[name] for name in row.names if name in RECIPES), None)


def test_every_row_is_called() -> None:
    missing = sorted(name for name, row in ROWS.items() if recipe_of(row) is None)
    assert not missing, f"write recipes in torch_calls.py for {missing}"


def test_every_name_is_torchs_own() -> None:
    names = [*table().functions, *(f"torch.Tensor.{name}" for name in table().methods), *table().modules]
    missing = [name for name in names if resolve(name) is None]
    assert not missing, f"torch {torch.__version__} has no {missing}"


def resolve(name: str) -> Any:
    parts = name.split(".")
    found: Any = builtins if parts[0] == "builtins" else torch
    for part in parts[1:]:
        found = getattr(found, part, None)
    return found


def run(name: str, row: Row, draw: Draw, judge: Judge) -> bool:
    """Call the row by one of its names, in torch and in the table; returns whether torch accepted the call."""
    arguments, keywords = split_keywords(recipe_of(row)(draw))
    off = draw.chance(15)
    abstract = torch_api.Arguments(
        NODE,
        tuple(a.value for a in arguments),
        {k: a.value for k, a in keywords.items()},
        grad=Known(False, NODE) if off else None,
    )
    real = [a.real for a in arguments], {k: a.real for k, a in keywords.items()}
    try:
        with torch.set_grad_enabled(not off):
            if name.startswith("."):
                result = getattr(real[0][0], name[1:])(*real[0][1:], **real[1])
            else:
                result = resolve(name)(*real[0], **real[1])
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError):
        ask(name, abstract)  # must not raise
        return False
    judge.check(ask(name, abstract), result)
    return True


def ask(name: str, arguments: torch_api.Arguments) -> Any:
    if name.startswith("."):
        return torch_api.method(name[1:], arguments)
    return torch_api.call(name, arguments)


def examine(key: str, examples: int, *, small: bool) -> None:
    row = ROWS[key]
    accepted = 0

    @settings(max_examples=examples, **SETTINGS)
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        nonlocal accepted
        draw = Draw(data, small=small)
        torch.manual_seed(0)
        name = draw.one(*row.names)
        hypothesis.note(name)
        understood = run(name, row, draw, Judge(draw))
        TALLY.call(key, understood)
        accepted += understood

    property_()
    assert accepted, f"torch refused every call of {key}"


@pytest.mark.parametrize("key", sorted(ROWS))
def test_a_row_claims_what_torch_does(key: str) -> None:
    examine(key, 8, small=False)


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("key", sorted(ROWS))
def test_a_row_claims_what_torch_does_at_length(key: str, small: bool) -> None:
    examine(key, 400, small=small)


def test_the_judge_sees_a_lie() -> None:
    """A proof that cannot fail proves nothing."""
    real = torch.zeros(2, 3).t()
    lies = {
        "shape": (2, 3),
        "contiguous": True,
        "grad": "attached",
        "dtype": "int64",
        "device": "cuda",
    }
    for fact, lie in lies.items():
        tensor = Tensor(NODE).but(**{fact: Known(lie, NODE)})
        with pytest.raises(AssertionError, match="torch says"):
            Judge(Draw(None)).check(tensor, real)
