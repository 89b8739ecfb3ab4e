"""What a constructor's text alone tells of an attribute, and where it has to be run."""

from __future__ import annotations

import libcst as cst
import pytest

from tests.interpreted import only_interpreted
from torchdoctor.facts.constructed import constructor
from torchdoctor.facts.expressions import Expressions
from torchdoctor.facts.file import File
from torchdoctor.facts.values import UNKNOWN, Attr, Made, Param, Value, const

TEXT = """
from torch import nn

def settle(net):
    net.settle()

class Base(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inherited = width

class Net(Base):
    def __init__(self, width, depth=2, head=None):
        super().__init__(width)
        self.width = width
        self.depth = depth
        depth = 3
        self.head = head or nn.Identity()
        self.three = 3
        self.nothing = None
        self.text = "x"
        self.count = 0
        self.count += 1
        self.layers = []
        self.layers += [nn.Linear(width, 1)]
        self.options = {}
        self.sizes = [1, 2]
        self.a, self.b = 1, 2
        if width:
            self.wide = 1
        self.twice = 1
        self.twice = 2
        self.build()
        settle(self)
        self.changed = 1
        self.settled = 1
        self.built = 1

    def build(self):
        self.inner()

    def inner(self):
        self.built = 2

    def change(self):
        self.changed = 2

    def settle(self):
        self.settled = 2
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("width", "width"),
        ("depth", None),  # the name is given something else, perhaps before
        ("head", None),
        ("three", const(3)),
        ("nothing", const(None)),
        ("text", const("x")),
        ("count", None),
        ("layers", "builtins.list"),
        ("options", "builtins.dict"),
        ("sizes", None),
        ("a", const(1)),
        ("wide", None),
        ("twice", None),
        ("inherited", None),
        ("built", None),
        ("settled", None),
        ("changed", UNKNOWN),
    ],
)
def test_what_is_plain(name: str, told: Value | str | None) -> None:
    file = File(TEXT)
    found = constructor(file.classes.of(file.nodes(cst.ClassDef)[1])).tells(name)
    assert (found.name if isinstance(found, (Param, Made)) else found) == told


def test_who_writes_into_other_objects_has_to_be_run() -> None:
    file = File(TEXT.replace("self.three = 3", "self.three = 3\n        self.head.bias = None"))
    facts = constructor(file.classes.of(file.nodes(cst.ClassDef)[1]))
    assert facts.tells("three") is None
    assert facts.tells("changed") is None


def returned(asked: str, call: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Value, bool]:
    """What `net.asked` is, and whether the constructor was run for it."""
    only_interpreted()
    file = File(f"{TEXT}\ndef f(w):\n    net = {call}\n    return net.{asked}\n")
    layer = next(call for call in file.nodes(cst.Call) if file.code(call) == "nn.Linear(width, 1)")
    run, evaluate = [False], Expressions.value

    def look(self: Expressions, node: cst.CSTNode) -> Value:
        run[0] = run[0] or node is layer
        return evaluate(self, node)

    monkeypatch.setattr(Expressions, "value", look)
    flow = file.flows.alone(next(one for one in file.nodes(cst.FunctionDef) if one.name.value == "f"))
    assert flow.returned is not None
    return flow.returned, run[0]


def test_an_argument_is_what_the_call_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert returned("width", "Net(5)", monkeypatch) == (const(5), False)
    value, _ = returned("width", "Net(w)", monkeypatch)
    assert isinstance(value, Param)
    assert value.name == "w"
    assert not isinstance(returned("width", "Net(**w)", monkeypatch)[0], Attr)


def test_the_constructor_is_run_for_what_is_not_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    value, run = returned("head", "Net(5)", monkeypatch)
    assert run
    assert isinstance(value, Made)


def test_what_may_be_written_later_is_known_as_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    value, run = returned("changed", "Net(5)", monkeypatch)
    assert isinstance(value, Attr)
    assert not run
