"""A watched program computes what it computes without: numbers, compiled graphs, exceptions and their tracebacks."""

from __future__ import annotations

import gc
import importlib
import traceback
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import torchdoctor
from torchdoctor.probes import watched_calls
from torchdoctor.step_record import WatchRecord

torch = pytest.importorskip("torch")
nn = torch.nn


def train(number: int = 30, net: Any = None, optimizer: Any = None) -> list[float]:
    torch.manual_seed(0)
    net = net or nn.Linear(4, 1)
    optimizer = optimizer or torch.optim.Adam(net.parameters())
    found = []
    for _ in range(number):
        loss = net(torch.randn(8, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def watched(run: Any) -> tuple[Any, WatchRecord]:
    with torchdoctor.watch(quiet=True) as watch:
        result = run()
    return result, watch.record


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """After each test torch is as it was, and no listener is left."""
    names = [(torch.autograd, "backward"), (torch, "save"), (torch.utils.data.DataLoader, "_get_iterator")]
    before = [vars(owner)[name] for owner, name in names]
    optimizer = importlib.import_module("torch.optim.optimizer")
    hooks = len(optimizer._global_optimizer_pre_hooks), len(optimizer._global_optimizer_post_hooks)
    callbacks = list(gc.callbacks)
    yield
    assert [vars(owner)[name] for owner, name in names] == before and watched_calls._listeners == ()
    assert hooks == (len(optimizer._global_optimizer_pre_hooks), len(optimizer._global_optimizer_post_hooks))
    assert gc.callbacks == callbacks


def test_the_numbers_are_the_same() -> None:
    losses, record = watched(train)
    assert losses == train() and record.count == 30 and record.boundary == "optimizer"
    assert record.steps[0].loss == pytest.approx(losses[0]) and record.missing == ()


def test_what_compile_makes_is_the_same() -> None:
    from torch._dynamo.utils import counters

    def program() -> dict[str, Any]:
        torch.manual_seed(0)
        torch._dynamo.reset()
        counters.clear()
        net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
        optimizer = torch.optim.AdamW(net.parameters())
        data = torch.utils.data.TensorDataset(torch.randn(24, 4))
        compiled = torch.compile(net, backend="eager")
        for (x,) in torch.utils.data.DataLoader(data, batch_size=8):
            optimizer.zero_grad()
            compiled(x).square().mean().backward()
            optimizer.step()

        def step(x: Any) -> None:
            net(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

        whole = torch.compile(step, backend="eager")
        alone = torch.compile(optimizer.step, backend="eager")
        for _ in range(4):
            whole(torch.ones(8, 4))
            net(torch.ones(8, 4)).mean().backward()
            alone()
        torch.compile(lambda x: net(x).sum(), backend="eager", fullgraph=True)(torch.ones(2, 4)).backward()
        told = {name: dict(counters[name]) for name in ("stats", "recompiles", "recompile_limit")}
        told["graph_break"] = {reason.splitlines()[0]: times for reason, times in counters["graph_break"].items()}
        return {**told, "weight": net[0].weight.tolist()}

    plain = program()
    seen, record = watched(program)
    assert seen == plain and plain["stats"]["unique_graphs"] >= 4
    assert record.count == 3, "the steps whose optimizer is not compiled"
    torch._dynamo.reset()


class Broken(torch.utils.data.Dataset[Any]):  # type: ignore[name-defined, misc]
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            raise KeyError("sample 5")
        return torch.zeros(2)


def fails_in_backward() -> None:
    weight = torch.ones(2, requires_grad=True)
    loss = (weight * weight).sum()
    loss.backward()
    loss.backward()


def fails_in_the_loader() -> None:
    for _ in torch.utils.data.DataLoader(Broken(), batch_size=2):
        pass


def fails_in_save() -> None:
    torch.save(lambda: None, "/nowhere/at/all.pt")


def fails_in_the_optimizer() -> None:
    torch.optim.LBFGS([torch.ones(1, requires_grad=True)]).step()


@pytest.mark.parametrize("fails", [fails_in_backward, fails_in_the_loader, fails_in_save, fails_in_the_optimizer])
def test_exceptions_come_as_they_are(fails: Any) -> None:
    def shown(error: BaseException) -> list[str]:
        rows = traceback.format_exception(error)
        return [row for row in rows if "in shown" not in row and "test_transparent.py" not in row]

    with pytest.raises(Exception) as plain:
        fails()
    with pytest.raises(Exception) as seen, torchdoctor.watch(quiet=True) as run:
        train(3)
        fails()
    assert type(seen.value) is type(plain.value) and str(seen.value) == str(plain.value)
    assert shown(seen.value) == shown(plain.value)
    assert run.record.ended == f"raised {type(plain.value).__name__}" and run.record.count == 3


def test_no_tensor_is_kept_alive() -> None:
    kept: list[Any] = []

    def program() -> None:
        net = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for _ in range(60):  # the looks at who holds memory are among them
            loss = net(torch.randn(8, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            kept.append(weakref.ref(loss))
            optimizer.step()
        kept.append(weakref.ref(net.weight))
        del loss, net, optimizer

    with torchdoctor.watch(quiet=True) as run:
        program()
        assert not any(reference() is not None for reference in kept)
    assert run.record.steps[-1].graphs == 1


def test_watches_in_each_other_see_the_same(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with torchdoctor.watch(tmp_path / "outer") as outer:
        train(10)
        with torchdoctor.watch(tmp_path / "inner") as inner:
            train(20)
    assert (outer.record.count, inner.record.count) == (30, 20)
    assert capsys.readouterr().err.count("watched:") == 2
    with pytest.raises(RuntimeError, match="runs already"), outer.start():
        outer.start()
    outer.stop()


def test_as_a_decorator_and_by_hand() -> None:
    assert torchdoctor.watch(quiet=True)(train)(5) == train(5)
    run = torchdoctor.watch(quiet=True).start()
    for step in range(25):
        run.step(loss=float(step))
    assert run.stop() == [] and run.record.boundary == "called"
    assert [one.loss for one in run.record.steps] == [float(step) for step in range(25)]
    assert run.stop() == []
