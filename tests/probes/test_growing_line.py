"""The line at which a name is fed, written in many ways."""

from __future__ import annotations

import pytest

from torchdoctor.probes.growing_line import line_of


@pytest.mark.parametrize(
    ("name", "function", "source"),
    [
        ("losses", "", "losses = []\nfor x in data:\n    losses.append(f(x))  # here"),
        ("losses", "train", "def other():\n    losses.append(1)\ndef train():\n    losses.append(2)  # here"),
        ("total", "train", "def train():\n    total = 0\n    for x in data:\n        total += f(x)  # here"),
        ("mean", "", "mean = f(0)\nfor x in data:\n    mean = 0.9 * mean + f(x)  # here"),
        ("history", "", "history = {}\nfor x in data:\n    history['loss'].append(f(x))  # here"),
        ("history['loss']", "", "history = {'loss': []}\nfor x in data:\n    history['loss'].append(x)  # here"),
        ("cache", "", "cache = {}\nfor i, x in data:\n    cache[i] = x  # here"),
        (
            "self.seen",
            "",
            "class A:\n  def f(s, x):\n    s.seen.append(x)  # here",
        ),
        ("net.0.seen", "", "class A:\n  def forward(self, x):\n    self.seen += [x]  # here"),
        ("state", "", "state = None\nfor x in data:\n    out, state = f(x, other)  # here"),
        ("losses", "<listcomp>", "losses = []\nfor x in data:\n    [losses.append(y) for y in x]  # here"),
        # Where it begins it is not fed; what feeds it is out of sight.
        ("losses", "", "losses = []\nfor x in data:\n    collect(losses, x)"),
        ("losses", "train", "def train():\n    losses = []\n    for x in data:\n        collect(losses, x)"),
        ("self.seen", "", "class A:\n  def __init__(self):\n    self.seen = []\n    fill(self.seen)"),
        ("losses", "", "for x in data:\n    losses[-1] = = x"),
        ("a b", "", "a = 1"),
    ],
)
def test_where_it_is_fed(name: str, function: str, source: str) -> None:
    lines = source.splitlines(keepends=True)
    (here,) = [number for number, line in enumerate(lines, 1) if "# here" in line] or [0]
    assert line_of(name, function, lines) == (here, lines[here - 1].strip() if here else "")
