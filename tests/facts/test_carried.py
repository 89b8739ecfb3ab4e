"""A loop's body is run again only for what one pass hands on to the next."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from tests.interpreted import only_interpreted
from torchdoctor.facts.carried import carried
from torchdoctor.facts.expressions import Expressions
from torchdoctor.facts.file import File
from torchdoctor.facts.values import Tensor, Value


@pytest.mark.parametrize(
    ("loop", "names"),
    [
        ("for x in xs:\n    y = x + z\n    use(y)", {"z", "use"}),
        ("for x in xs:\n    y = y + x", {"y"}),
        ("for x in xs:\n    y += x", {"y"}),
        ("for x in xs:\n    f(x=1).y = a.z", {"f", "a"}),
        ("for i, (a, *b) in xs:\n    c, d = a, b\n    d, c", set()),
        ("for x in xs:\n    if x:\n        y = 1\n    else:\n        y = 2\n    y", set()),
        ("for x in xs:\n    if x:\n        y = 1\n    y", {"y"}),
        ("for x in xs:\n    if x:\n        continue\n    else:\n        y = 2\n    y", set()),
        ("for x in xs:\n    if x:\n        y = 1\n    elif z:\n        y = 2\n    y", {"z", "y"}),
        ("while x < 3:\n    x = 4", {"x"}),
        ("for x in xs:\n    for y in x:\n        z = y\n    z", {"z"}),
        ("for x in xs:\n    for y in x:\n        s = s + y\n    s = 0", {"s"}),
        ("for x in xs:\n    with a as b:\n        c = b\n    c", {"a"}),
        ("for x in xs:\n    try:\n        y = x\n    except E as e:\n        print(e)\n    y", {"print", "y"}),
        ("for x in xs:\n    match x:\n        case 1:\n            y = 1\n    y", {"y"}),
        ("for x in xs:\n    f = lambda a: a + w\n    w = f(x)", {"a", "w"}),
        ("for x in xs:\n    if y := x:\n        z = y", set()),
        ("for x in xs:\n    if (y := y + x) > 0:\n        z = y", {"y"}),
        ("for x in xs:\n    if x and (y := x):\n        z = y", {"y"}),
        ("def g():\n    return total\nfor x in xs:\n    total = x", {"total"}),
        ("for x in xs:\n    del y[x]\n    assert z\n    return w", {"y", "z", "w"}),
    ],
)
def test_names_that_are_read_before_they_are_given(loop: str, names: set[str]) -> None:
    file = File(f"def f(xs):\n{textwrap.indent(loop, '    ')}\n")
    loops: list[cst.For | cst.While] = [*file.nodes(cst.For), *file.nodes(cst.While)]
    assert carried(file, loops[0]) == names


def passes(body: str, monkeypatch: pytest.MonkeyPatch, before: str = "", after: str = "") -> tuple[int, Value]:
    """How often `mark()` in the body is come to in a run, and what the function gives."""
    only_interpreted()
    found, evaluate = [0], Expressions.value

    def count(self: Expressions, node: cst.CSTNode) -> Value:
        value = evaluate(self, node)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "mark":
            found[0] += 1
        return value

    monkeypatch.setattr(Expressions, "value", count)
    lines = [*before.splitlines(), "for x in xs:", "    mark()", *(f"    {line}" for line in body.splitlines())]
    text = "\n".join(f"    {line}" for line in [*lines, *after.splitlines()])
    file = File(
        f"import torch\nfrom torch import nn\n\ndef last(items):\n    return items[-1]\n\ndef f(self, xs):\n{text}\n"
    )
    flow = file.flows.alone(next(one for one in file.nodes(cst.FunctionDef) if one.name.value == "f"))
    assert flow.returned is not None
    return found[0], flow.returned


ZEROS = "torch.zeros(2, 3)"


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("", "y = torch.relu(x)\nz = y + 1"),
        ("y = 0", "y = torch.relu(x)\nz = y + 1"),
        ("out = []", "out.append(torch.relu(x))"),
        ("out = {}", "out['a'] = torch.relu(x)"),
        ("", "inner = []\ninner.append(torch.relu(x))\ny = torch.stack(inner)"),
        ("", "self.seen = x"),
    ],
)
def test_what_no_pass_hands_on_is_run_once(before: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passes(body, monkeypatch, before, "return 0")[0] == 1


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("y = 0", f"y = y or {ZEROS}"),
        ("out = []", f"y = out[-1] if out else None\nout.append({ZEROS})"),
        ("out = []", f"y = last(out)\nout.append({ZEROS})"),
        ("out = {}", f"y = out[0]\nout[x] = {ZEROS}"),
        ("self.seen = None", f"y = self.seen\nself.seen = {ZEROS}"),
        ("seen = None", f"y = seen\nseen = {ZEROS}"),
    ],
)
def test_what_a_pass_hands_on_is_seen_by_the_next(before: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times, value = passes(body, monkeypatch, before, "return y")
    assert times > 1
    kinds = {type(one) for one in getattr(value, "options", [value])}
    assert Tensor in kinds, value


def test_what_is_put_together_in_a_loop_is_there_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, value = passes(
        f"out.append({ZEROS})\ny = {ZEROS}", monkeypatch, "out = []\ny = torch.ones(2, 3)", "return out[-1], y"
    )
    items = getattr(value, "items", ())
    assert [type(item) for item in items] == [Tensor, Tensor]
