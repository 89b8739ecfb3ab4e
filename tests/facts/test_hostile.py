"""Programs that would keep the interpreter busy are cut: by what was evaluated, not by the clock, and with silence."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
import pytest

from tests.bench import hostile
from tests.interpreted import only_interpreted
from torchdoctor import catalogue
from torchdoctor.facts import flows, ranks
from torchdoctor.facts.expressions import Expressions
from torchdoctor.facts.file import File
from torchdoctor.facts.values import Value
from torchdoctor.project.examiner import Examiner
from torchdoctor.project.report import Examined
from torchdoctor.project.stack import deep

# True of the long function, which clears no gradients; and of the circle, where the last layer's 401 features meet the
# first layer.
ALLOWED = frozenset({"missing-zero-grad", "linear-size-mismatch"})


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the expressions that are evaluated."""
    count = [0]
    value = Expressions.value

    def counted(expressions: Expressions, node: cst.CSTNode) -> Value:
        count[0] += 1
        return value(expressions, node)

    monkeypatch.setattr(Expressions, "value", counted)
    monkeypatch.setenv("TORCHDOCTOR_RAISE", "1")
    return count


def examine(text: str, rules: frozenset[str] | None = None) -> Examined:
    wanted = frozenset(catalogue.rules()) if rules is None else rules
    return deep(lambda: Examiner(()).examine_bytes(text.encode(), "example.py", wanted))


LONG = {hostile.long_function, hostile.table_of_numbers, hostile.table_of_tensors, hostile.calls_that_fan_out}
programs = pytest.mark.parametrize(
    "program",
    [pytest.param(one, marks=pytest.mark.slow) if one in LONG else one for one in hostile.PROGRAMS],
    ids=lambda program: program.__name__,
)


@programs
def test_each_file_has_a_budget_and_nothing_is_said_in_haste(program: Callable[[], str], evaluated: list[int]) -> None:
    text = program()
    found = examine(text).findings
    nodes = len(File(text).tree.order)
    # A run that is cut has evaluated one expression too many, and there are as many of these as functions at most.
    limit = max(flows._AT_LEAST, flows._PER_NODE * nodes) + text.count("def ") + 1
    assert evaluated[0] <= limit, f"{evaluated[0] / nodes:.1f} for each node"
    assert {finding.rule for finding in found} <= ALLOWED


def test_the_count_counts(evaluated: list[int]) -> None:
    """The test above would be worth nothing if nothing were evaluated."""
    only_interpreted()
    examine(hostile.one_long_callee(callers=3, lines=50))
    assert evaluated[0] > 500


SICK = """
def evaluate(net, data):
    net.eval()
    for x, y in data:
        print((net(x).argmax(1) == y).sum().item())
"""


def test_what_is_found_in_a_file_is_not_found_where_the_file_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = frozenset({"eval-without-no-grad"})
    text = hostile.one_long_callee(callers=3, lines=50) + SICK
    assert [finding.rule for finding in examine(text, rules).findings] == ["eval-without-no-grad"]
    monkeypatch.setattr(flows, "_AT_LEAST", 10)
    monkeypatch.setattr(flows, "_PER_NODE", 0)
    assert not examine(text, rules).findings


def test_where_the_file_was_cut_no_context_is_taken_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first caller fits the budget, the second does not: what only that would tell is not taken for absent."""
    text = hostile.HEAD + "def f(x):\n    return x.view(-1)\n\ndef a(x):\n    f(torch.ones(2))\n\ndef b(x):\n    f(x)\n"
    monkeypatch.setattr(flows, "_PER_NODE", 0)
    monkeypatch.setattr(flows, "_AT_LEAST", 9)
    file = File(text, "example.py")
    assert file.flows.touching(frozenset({"view"})) == []
    assert file.flows.left[0] <= 0
    (definition,) = (node for node in file.nodes(cst.FunctionDef) if node.name.value == "f")
    assert all(not flow.events or flow.function is definition for flow in file.flows.of(definition))


def test_an_attribute_of_many_classes_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them compares `self.labels`, and may have got it from what any other calls so."""
    asked, is_rank = [0], ranks.is_rank

    def counted(file: File, node: cst.BaseExpression, depth: int = 5) -> bool:
        asked[0] += 1
        return is_rank(file, node, depth)

    monkeypatch.setattr(ranks, "is_rank", counted)
    one = "class Head{0}:\n    def __init__(self, config):\n        self.labels = config.labels\n" + (
        "    def forward(self, x):\n        if self.labels == 1:\n            return x\n        return x.mean()\n"
    )
    text = "import torch.distributed\n" + "".join(one.format(number) for number in range(12))
    assert not examine(text).findings
    assert asked[0] < 200
