"""What depends on a module's mode."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from torchdoctor.facts.file import File
from torchdoctor.facts.mode_switch import follows_mode, runs_in_training_only

HEAD = """\
from torch import nn


class Net(nn.Module):
    half = 0.5
    zero = 0.0

    def __init__(self, p):
        super().__init__()
        self.p, self.q = p, p
        self.drop = nn.Dropout(p)

    def train(self, mode=True):
        self.q = self.p if mode else 0.0
        return super().train(mode)

    @property
    def rate(self):
        return self.p * self.training

    def forward(self, x, r, flag):
"""


def last_call(body: str) -> tuple[File, cst.Call]:
    """The last call of `use` in a forward with this body."""
    file = File(HEAD + textwrap.indent(body, "        "))
    return file, file.calls_by_name.get("use", [c for c in file.nodes(cst.Call) if file.code(c.func) == "use"])[-1]


@pytest.mark.parametrize(
    ("body", "follows"),
    [
        ("use(0.1)", False),
        ("use(0.0)", True),
        ("use(self.p)", False),
        ("use(self.half)", False),
        ("use(self.zero)", True),
        ("use(self.drop.p)", False),
        ("use(self.q)", None),
        ("use(self.rate)", True),
        ("use(r)", None),
        ("use(self.p if self.training else 0.0)", True),
        ("use(self.p * self.training)", True),
        ("t = self.training\nuse(self.p if t else 0.0)", True),
        ("p = self.p\np = p / 2\nuse(p)", False),
        ("p = self.p\nif not self.training:\n    p = 0.0\nuse(p)", True),
        ("use(compute())", None),
    ],
)
def test_values_that_follow_the_mode(body: str, follows: bool | None) -> None:
    file, call = last_call(body)
    assert follows_mode(file, call.args[0].value) is follows


@pytest.mark.parametrize(
    ("body", "only"),
    [
        ("use(x)", False),
        ("if self.training:\n    use(x)", True),
        ("if self.training and self.p > 0:\n    use(x)", True),
        ("if self.p > 0:\n    use(x)", False),
        ("if flag:\n    use(x)", True),
        ("if not self.training:\n    return x\nuse(x)", True),
        ("y = use(x) if self.training else x", True),
        ("self.training and use(x)", True),
        ("def inner():\n    use(x)\ninner()", False),
    ],
)
def test_places_that_only_training_reaches(body: str, only: bool) -> None:
    file, call = last_call(body)
    assert runs_in_training_only(file, call) is only
