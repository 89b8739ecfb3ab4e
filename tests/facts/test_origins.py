"""Where values come from, by names alone: the expressions that make them."""

from __future__ import annotations

import libcst as cst
import pytest

from torchdoctor.facts.collections import items
from torchdoctor.facts.file import File
from torchdoctor.facts.layers import is_module, made_modules, needs_registration
from torchdoctor.facts.module_values import holds_module
from torchdoctor.facts.origins import origins

HEAD = "import copy\nimport torch\nfrom torch import nn\n\n"


def last_value(text: str) -> tuple[File, cst.BaseExpression]:
    """The file, and the value of the last assignment in it."""
    file = File(HEAD + text)
    return file, file.nodes(cst.Assign)[-1].value


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("x = 1\ny = x", ["1"]),
        ("x = 1 if a else 2\ny = x", ["1", "2"]),
        ("x = f()\nx = 2\ny = x or 3", ["2", "3", "f()"]),
        ("def f():\n    return 1\ny = f()", ["1"]),
        ("def f(a):\n    y = a\nf(1)\nf(a=2)", ["1", "2"]),
        ("def f(a):\n    y = a\nf(1)\nf()", ["a"]),
        ("@decorate\ndef f():\n    return 1\ny = f()", ["f()"]),
        ("class A:\n    def __init__(self):\n        self.a = 1\n    def f(self):\n        y = self.a", ["1"]),
        ("class A:\n    def __init__(self, a):\n        y = a\nA(3)", ["3"]),
        ("a, b = 1, 2\ny = a", ["1"]),
        ("for a in [1]:\n    y = a", ["a"]),
    ],
)
def test_values_are_followed_to_what_makes_them(text: str, made: list[str]) -> None:
    file, value = last_value(text)
    assert sorted(file.code(origin.node) for origin in origins(file, value)) == made


@pytest.mark.parametrize("text", ["x = x\ny = x", "x = x.to(d)\ny = x", "def f():\n    return f()\ny = f()"])
def test_what_is_bound_to_itself_ends(text: str) -> None:
    file, value = last_value(text)
    assert origins(file, value)
    assert not is_module(file, value)
    assert not holds_module(file, value)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("y = nn.Linear(1, 1)", True),
        ("y = nn.Linear(1, 1).to(d).eval()", True),
        ("m = nn.Linear(1, 1)\nm = m.to(d)\ny = m", True),
        ("y = copy.deepcopy(nn.Linear(1, 1))", True),
        ("y = nn.Linear(1, 1) if a else nn.Identity()", True),
        ("y = nn.Linear(1, 1) if a else None", False),
        ("y = nn.Linear", False),
        ("y = nn.Parameter(torch.ones(1))", False),
        ("class N(nn.Module):\n    pass\ny = N()", True),
        ("class N:\n    pass\ny = N()", False),
    ],
)
def test_modules_are_known_by_what_makes_them(text: str, yes: bool) -> None:
    file, value = last_value(text)
    assert is_module(file, value) is yes


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("y = nn.Linear(1, 1)", True),
        ("y = nn.Dropout()", True),
        ("y = nn.ReLU()", False),
        ("y = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))", False),
        ("y = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2))", True),
        (
            "class N(nn.Module):\n    def __init__(self, a):\n        super().__init__()\n        self.a = a\ny = N(1)",
            False,
        ),
        (
            "class N(nn.Module):\n    def __init__(self, a):\n        super().__init__()\n        self.a = a\n"
            "    def forward(self, x):\n        return self.a(x)\ny = N(1)",
            True,
        ),
    ],
)
def test_modules_with_nothing_to_register(text: str, yes: bool) -> None:
    file, value = last_value(text)
    assert [needs_registration(made) for made in made_modules(file, value)] == [yes]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("y = [a, (b, c)]", ["a", "b", "c"]),
        ("y = {'k': a, 'l': [b]}", ["a", "b"]),
        ("y = dict(k=a)", ["a"]),
        ("y = [f(i) for i in r]", ["f(i)"]),
        ("y = list(map(lambda i: f(i), r))", ["f(i)"]),
        ("y = [a] * 3 + [b]", ["a", "b"]),
        ("y = f([a])", None),
        ("y = a", None),
    ],
)
def test_plain_containers_and_what_they_hold(text: str, held: list[str] | None) -> None:
    file, value = last_value(text)
    found = items(file, value)
    assert (None if found is None else [file.code(item) for item in found]) == held


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("for m in nn.Sequential(nn.ReLU()):\n    y = m", True),
        ("for n, m in nn.Linear(1, 1).named_modules():\n    y = m", True),
        ("for n, m in nn.Linear(1, 1).named_modules():\n    y = n", False),
        ("for i, m in enumerate([nn.Linear(1, 1)]):\n    y = m", True),
        ("for a, m in zip(xs, nn.ModuleList()):\n    y = m", True),
        ("for a, m in zip(xs, nn.ModuleList()):\n    y = a", False),
        ("for m in m.named():\n    y = m", False),
        ("def f(m: nn.Module):\n    y = m", True),
        ("def f(m):\n    y = m", False),
    ],
)
def test_names_that_hold_modules(text: str, yes: bool) -> None:
    file, value = last_value(text)
    assert holds_module(file, value) is yes
