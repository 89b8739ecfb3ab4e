"""Whose gradients the steps of a training loop are about, and what becomes of them on every way."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.ownership import parameters_of, related
from torchdoctor.facts.training import Training, blamed
from torchdoctor.facts.values import Attr, Made, Param
from torchdoctor.facts.ways import Ways, answered

PREAMBLE = """\
import copy
import itertools
import torch
import torch.nn as nn
import torch.nn.functional as F
from elsewhere import helper


"""


def flow_of(code: str, function: str = "f") -> Flow:
    file = File(PREAMBLE + textwrap.dedent(code), "example.py")
    node = file.definition(function.split("."))
    assert isinstance(node, cst.FunctionDef)
    return file.flows.of(node)[0]


def states(flow: Flow, event: Event, optimizer: int = 0) -> set[str]:
    facts = flow.training
    return {gradients.state for gradients in facts.gradients(facts.optimizers[optimizer]).states(event)}


# -- optimizers and their parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "modules", "complete"),
    [
        ("a.parameters()", {"a"}, True),
        ("list(a.parameters()) + list(b.parameters())", {"a", "b"}, True),
        ("[*a.parameters()]", set(), False),
        ("itertools.chain(a.parameters(), b.parameters())", {"a", "b"}, True),
        ("filter(lambda p: p.requires_grad, a.parameters())", {"a"}, True),
        ("[p for p in a.parameters() if p.requires_grad]", {"a"}, True),
        ("[p for n, p in a.named_parameters()]", {"a"}, True),
        ("[{'params': a.parameters(), 'lr': 1.0}, {'params': b.parameters()}]", {"a", "b"}, True),
        ("helper(a, 0.1)", {"a"}, False),
        ("nn.parallel.DistributedDataParallel(a).parameters()", {"a"}, True),
        ("torch.compile(a).parameters()", {"a"}, True),
    ],
)
def test_whose_parameters_an_optimizer_has(given: str, modules: set[str], complete: bool) -> None:
    flow = flow_of(f"def f(a: nn.Module, b: nn.Module):\n    opt = torch.optim.SGD({given}, lr=1.0)\n    opt.step()\n")
    facts = flow.training
    found = facts.parameters(facts.optimizers[0])
    assert {value.name for value in found.modules if isinstance(value, Param)} == modules
    assert found.complete is complete


def test_single_tensors_are_known_as_such() -> None:
    flow = flow_of("def f(image):\n    opt = torch.optim.SGD([image], lr=1.0)\n    opt.step()\n")
    (optimizer,) = flow.training.optimizers
    assert isinstance(optimizer, Made)
    found = parameters_of(flow, optimizer.args[0])
    assert [value.name for value in found.tensors if isinstance(value, Param)] == ["image"]
    assert not found.modules


def test_a_part_is_related_to_its_whole_and_to_nothing_else() -> None:
    net, other = Param(cst.Pass(), "net"), Param(cst.Pass(), "other")
    head = Attr(net, "head")
    assert related(head, net) and related(net, head) and related(Attr(head, "fc"), net)
    assert not related(net, other) and not related(Attr(net, "body"), head)
    both = Made("torch.nn.Sequential", cst.Call(cst.Name("s")), (net, other))
    assert related(both, other)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        ("thing.zero_grad()\n    loss.backward()\n    thing.step()", True),
        ("loss.backward()\n    thing.step()", True),
        ("thing.step()\n    loss.backward()", False),
        ("loss.backward()\n    thing.step(1)", False),
        ("loss.backward()\n    thing.get_last_lr()\n    thing.step()", False),
    ],
)
def test_what_is_an_optimizer_by_its_use(use: str, found: bool) -> None:
    facts = flow_of(f"def f(thing, loss):\n    {use}\n").training
    assert bool(facts.optimizers) is found


# -- which event is about which optimizer ------------------------------------------------------------------------------

TWO = """
def f(G: nn.Module, D: nn.Module, z, real):
    opt_g, opt_d = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
    fake = G(z)
    d_loss = F.softplus(D(fake.detach())).mean() + F.softplus(-D(real)).mean()
    d_loss.backward()
    D.zero_grad()
    opt_d.step()
    g_loss = F.softplus(-D(fake)).mean()
    g_loss.backward()
    torch.nn.utils.clip_grad_norm_(G.parameters(), 1.0)
    opt_g.step()
"""


def test_two_models_and_two_optimizers() -> None:
    flow = flow_of(TWO)
    facts = flow.training
    generator, critic = facts.optimizers
    of_critic, of_generator = flow.of("backward")
    assert facts.feeds(of_critic, critic) is True and facts.feeds(of_critic, generator) is False
    assert facts.feeds(of_generator, generator) is True and facts.feeds(of_generator, critic) is True
    (clearing,) = flow.of("zero_grad")
    assert facts.clears(clearing, critic) and not facts.clears(clearing, generator)
    (clip,) = flow.of("clip")
    assert facts.clips(clip, generator) is True and facts.clips(clip, critic) is False
    assert [facts.steps(step, generator) for step in flow.of("step")] == [False, True]


@pytest.mark.parametrize(
    ("statement", "escapes"),
    [
        ("helper(opt)", True),
        ("helper(model)", True),
        ("helper([opt, 1])", True),
        ("state = helper(opt)\n    state.begin()", True),
        ("helper(x)", False),
        ("print(opt, len(list(model.parameters())))", False),
        ("opt.load_state_dict({})", False),
        ("torch.save({'opt': opt.state_dict()}, 'x.pt')", False),
        ("sched = torch.optim.lr_scheduler.StepLR(opt, 1)", False),
        ("opt.unheard_of()", True),
    ],
)
def test_where_code_out_of_sight_gets_hold_of_an_optimizer(statement: str, escapes: bool) -> None:
    flow = flow_of(
        f"def f(model: nn.Module, x):\n    opt = torch.optim.SGD(model.parameters(), lr=1.0)\n    {statement}\n"
    )
    facts = flow.training
    assert bool(facts.escapes(facts.optimizers[0])) is escapes


# -- gradients on their way --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("loss(x).backward()", {"fresh"}),
        ("loss(x).backward()\n        opt.zero_grad()", {"cleared"}),
        ("pass", {"cleared", "spent"}),
        ("opt.zero_grad()", {"cleared"}),
        ("if x is None:\n            loss(x).backward()", {"fresh", "cleared", "spent"}),
        ("if x is None:\n            continue\n        loss(x).backward()", {"fresh"}),
        ("for part in x:\n            loss(part).backward()", {"fresh"}),
        ("for p in model.parameters():\n            p.grad = None", {"cleared"}),
        ("for p in model.parameters():\n            p.grad = x", {"unknown"}),
        ("helper(model)", {"unknown"}),
    ],
)
def test_gradients_at_the_step(body: str, expected: set[str]) -> None:
    flow = flow_of(
        f"""
def f(model: nn.Module, data):
    def loss(x):
        return model(x).mean()
    opt = torch.optim.SGD(model.parameters(), lr=1.0)
    for x in data:
        {body}
        opt.step()
"""
    )
    (step,) = flow.of("step")
    assert states(flow, step) == expected


def test_cleared_gradients_remember_what_was_lost() -> None:
    flow = flow_of(
        """
        def f(model: nn.Module, x):
            opt = torch.optim.SGD(model.parameters(), lr=1.0)
            model(x).mean().backward()
            opt.zero_grad()
            opt.zero_grad()
            opt.step()
        """
    )
    facts = flow.training
    (gradients,) = facts.gradients(facts.optimizers[0]).states(flow.of("step")[0])
    assert flow.events[gradients.lost].kind == "backward"
    assert flow.events[gradients.because] is flow.of("zero_grad")[0]


# -- ways --------------------------------------------------------------------------------------------------------------


def seen(flow: Flow, name: str) -> set[str]:
    """The names called before `name()` on all ways to it."""

    def change(event: Event, before: str) -> str:
        code = event.file.code(event.node)
        return before + code[0] if event.kind == "call" and code[0] in "ab" else before

    ways = Ways(flow, flow.events, "", change)
    event = next(event for event in flow.of("call") if event.file.code(event.node) == f"{name}()")
    return set(ways.states(event))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if x:\n        a()\n    else:\n        b()\n    z()", {"a", "b"}),
        ("if x:\n        a()\n    if not x:\n        b()\n    z()", {"a", "b"}),
        ("if x is None:\n        a()\n    if x is not None:\n        b()\n    z()", {"a", "b"}),
        ("if x:\n        a()\n    if y:\n        b()\n    z()", {"", "a", "b", "ab"}),
        ("if x and y:\n        a()\n    if not x:\n        b()\n    z()", {"", "a", "b"}),
        ("if x:\n        a()\n        return\n    z()", {""}),
        ("try:\n        a()\n    except ValueError:\n        b()\n    z()", {"a", "ab", "b"}),
        ("x and a()\n    z()", {"", "a"}),
        ("a() if x else b()\n    z()", {"a", "b"}),
        ("while x:\n        if y:\n            break\n        a()\n        raise x\n    z()", {""}),
    ],
)
def test_ways_to_a_call(body: str, expected: set[str]) -> None:
    assert seen(flow_of(f"def f(x, y, a, b, z):\n    {body}\n"), "z") == expected


def test_a_loop_asks_anew_in_each_pass() -> None:
    flow = flow_of(
        """
        def f(data, a, b, z):
            for x in data:
                if x:
                    z()
                    a()
                else:
                    b()
        """
    )
    assert {"", "a", "b", "ab", "ba"} <= seen(flow, "z")


@pytest.mark.parametrize(
    ("test", "truth", "learnt"),
    [
        ("x", True, {("x", True)}),
        ("not x", True, {("x", False)}),
        ("x is None", True, {("x", False)}),
        ("x is not None", False, {("x", False)}),
        ("a and not b", True, {("a", True), ("b", False)}),
        ("a and b", False, set()),
        ("a or b", False, {("a", False), ("b", False)}),
        ("x != 1", True, {("x == 1", False)}),
        ("x == 1", True, {("x == 1", True)}),
    ],
)
def test_what_a_test_tells(test: str, truth: bool, learnt: set[tuple[str, bool]]) -> None:
    assert set(answered(cst.parse_expression(test), truth)) == learnt


def test_the_order_of_two_events_is_blamed_where_it_is_made() -> None:
    flow = flow_of(
        """
        def clip(model):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)

        def f(model: nn.Module, x):
            clip(model)
            model(x).mean().backward()
        """
    )
    (clip,), (backward,) = flow.of("clip"), flow.of("backward")
    assert flow.file.code(blamed(flow, clip, backward)) == "clip(model)"
    assert flow.file.code(blamed(flow, clip)).startswith("torch.nn.utils.clip_grad_norm_")


def test_the_facts_of_a_flow_are_kept_with_it() -> None:
    flow = flow_of("def f(x):\n    pass\n")
    assert flow.training is flow.training
    assert isinstance(flow.training, Training)
