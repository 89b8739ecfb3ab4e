"""How many losses' graphs are alive is counted, whatever of them is kept, and nothing is kept on our account."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from torchdoctor.probes.graphs_alive import STRIDE, GraphsAlive

torch = pytest.importorskip("torch")


def of_one_term(weight: Any) -> tuple[Any, Any]:
    loss = weight.sum()
    return loss, loss


def itself(weight: Any) -> tuple[Any, Any]:
    loss = (weight * 2).sum()
    return loss, loss


def before_it_was_scaled(weight: Any) -> tuple[Any, Any]:
    loss = (weight * 2).sum()
    return loss * 65536.0, loss


def the_second_term(weight: Any) -> tuple[Any, Any]:
    second = (weight * 3).square().mean()
    return (weight * 2).sum() + second, second


KINDS = [of_one_term, itself, before_it_was_scaled, the_second_term]


@pytest.mark.parametrize("make", KINDS)
def test_each_is_counted_once_and_gone_when_it_is_let_go(make: Callable[[Any], tuple[Any, Any]]) -> None:
    alive, weight, kept, counts = GraphsAlive(), torch.ones(3, requires_grad=True), [], []
    for _ in range(5):
        loss, keep = make(weight)
        loss.backward(retain_graph=True)
        alive.see(loss)
        loss.backward()
        alive.see(loss)
        kept.append(keep)
        del loss, keep
        counts.append(alive.count())
    kept.clear()
    assert counts == [1, 2, 3, 4, 5] and alive.count() == 0


def test_a_running_total_keeps_all_of_them() -> None:
    alive, weight, total = GraphsAlive(), torch.ones(3, requires_grad=True), 0.0
    for _ in range(5):
        loss = (weight * 2).sum()
        loss.backward()
        alive.see(loss)
        total += loss  # torchdoctor: ignore[loss-kept-with-graph]
    del loss
    assert alive.count() == 5 and total.grad_fn is not None  # type: ignore[attr-defined]


def test_of_many_some_are_marked_and_count_for_all() -> None:
    alive, weight, kept = GraphsAlive(), torch.ones(3, requires_grad=True), []
    for step in range(100 * STRIDE):
        if step == 60 * STRIDE:
            alive.thin()
        loss = (weight * 2).sum()
        loss.backward()
        alive.see(loss)
        kept.append(loss)  # torchdoctor: ignore[loss-kept-with-graph]
    assert 100 * STRIDE - STRIDE < alive.count() <= 100 * STRIDE
    kept.clear()
    assert alive.count() == 1, "that of the last step"


def test_two_watches_count_for_themselves() -> None:
    first, second = GraphsAlive(), GraphsAlive()
    loss = (torch.ones(3, requires_grad=True) * 2).sum()
    loss.backward()
    first.see(loss)
    second.see(loss)
    assert first.count() == second.count() == 1


def test_what_has_no_graph_counts_nothing() -> None:
    alive = GraphsAlive()
    for root in (None, 3.0, torch.ones(1), importlib.import_module("torch").nn.Parameter(torch.ones(1))):
        alive.see(root)
    assert alive.count() == 0
