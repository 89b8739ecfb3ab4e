"""`torchdoctor.guard`: blocks are held to limits, and nothing of them is changed."""

from __future__ import annotations

import gc
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torchdoctor
from torchdoctor.explained import unstylish_words
from torchdoctor.faces.guards import GuardViolated, Limits, LimitsError, limits, size
from torchdoctor.probes.guards.memory import PeakMemory

HERE = Path(__file__).read_text(encoding="utf-8").splitlines()


def rules(error: GuardViolated) -> list[tuple[str, str]]:
    for finding in error.findings:
        assert not list(unstylish_words(finding))
    return [(one.rule, HERE[one.at.line - 1].strip()) for one in error.findings if one.at]


@pytest.mark.parametrize(
    ("text", "bytes_"), [("2 GiB", 2**31), ("500MB", 500_000_000), ("1.5 KiB", 1536), ("7", 7), (8, 8), ("1 b", 1)]
)
def test_sizes(text: Any, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"max_mem": 1}, "did you mean 'max_memory'"),
        ({"max_memory": "much"}, "a text like '2 GiB'"),
        ({"max_memory": -1}, "a text like '2 GiB'"),
        ({"no_nan": 1}, "no_nan is True or False"),
        ({"no_graph_break": True, "no_nan": True}, "do not go together"),
    ],
)
def test_limits_that_are_wrong_say_so(given: dict[str, Any], text: str) -> None:
    with pytest.raises(LimitsError, match=text):
        limits(given)


def test_the_nearer_word_counts() -> None:
    defaults = limits({"no_nan": True, "max_memory": 10})
    assert limits({"no_nan": False}, defaults) == Limits(max_memory=10)
    assert limits({"no_recompile": True}, defaults) == Limits(no_recompile=True)
    assert limits({"max_memory": 20}, Limits(no_graph_break=True)) == Limits(max_memory=20)


@pytest.mark.parametrize("given", [{"deterministic": True}, {"no_growth": True}, {}, {"no_nan": False}])
def test_a_block_is_not_run_twice(given: dict[str, Any]) -> None:
    with pytest.raises(LimitsError):
        torchdoctor.guard(**given)


def test_all_that_is_beyond_is_told_at_once() -> None:
    with pytest.raises(GuardViolated) as caught, torchdoctor.guard(no_nan=True, max_memory="1 KB", no_sync=True):
        large = torch.ones(1000)
        large.sum().item()
        (large - 2).log()
    assert dict(rules(caught.value)) == {
        "sync-in-guarded-code": "large.sum().item()",
        "nan-appears": "(large - 2).log()",
        "peak-above-limit": "large = torch.ones(1000)",
    }
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.findings == caught.value.findings


def test_the_blocks_own_exception_passes() -> None:
    error = ValueError("its own")
    with pytest.raises(ValueError) as caught, torchdoctor.guard(no_nan=True, no_leaks=True, max_memory=1):
        torch.ones(100)
        raise error
    assert caught.value is error


def test_nothing_is_kept_and_nothing_stays_on() -> None:
    with pytest.raises(GuardViolated) as caught, torchdoctor.guard(no_nan=True, no_sync=True, max_memory=1):
        made = torch.ones(100)
        ref = weakref.ref(made)
        made.sum().item()
    assert not torch.is_anomaly_enabled()
    assert not torch.utils._python_dispatch._get_current_dispatch_mode_stack()
    del made
    assert caught.value.findings
    gc.collect()
    assert ref() is None


def test_what_is_computed_is_the_same() -> None:
    def run() -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 1))
        net(torch.randn(3, 4)).sum().backward()
        return [p.grad for p in net.parameters() if p.grad is not None]

    plain = run()
    with torchdoctor.guard(no_nan=True, no_sync=True, no_leaks=True, max_memory="1 GiB"):
        guarded = run()
    assert all(torch.equal(a, b) for a, b in zip(plain, guarded, strict=True))


def test_what_a_function_still_names_is_no_leak() -> None:
    net = nn.Linear(2, 2)
    with torchdoctor.guard(no_leaks=True):
        loss = net(torch.ones(1, 2)).sum()
    assert loss.grad_fn is not None
    history = []
    with pytest.raises(GuardViolated) as caught, torchdoctor.guard(no_leaks=True):
        history.append(net(torch.ones(1, 2)).sum())
    assert rules(caught.value) == [("left-behind", "history.append(net(torch.ones(1, 2)).sum())")]
    assert history


@pytest.mark.parametrize("batch", [4, 64, 256])
def test_the_peak_is_that_of_torchs_allocator(batch: int) -> None:
    """Held against what the CPU's allocator gave out and took back in a second, equal step."""

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(net.parameters())
    x, y = torch.randn(batch, 64), torch.randint(0, 10, (batch,))
    step()
    optimizer.zero_grad()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    optimizer.zero_grad()
    with PeakMemory(0) as peak:
        step()
    now = most = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    assert abs(peak.record().peak - most) <= 0.02 * most


def test_memory_that_is_freed_is_not_counted() -> None:
    with PeakMemory(0) as peak:
        for _ in range(10):
            torch.ones(1000).mul_(2).view(10, 100)
    assert peak.record().peak == 4000


def test_resized_storage_is_counted_anew() -> None:
    with PeakMemory(0) as peak:
        x = torch.empty(10)
        x.resize_(1000)
    assert peak.record().peak == 4000


def test_a_gradient_that_is_nan_is_told_at_its_forward_line() -> None:
    x = torch.zeros(2, requires_grad=True)
    with pytest.raises(GuardViolated) as caught, torchdoctor.guard(no_nan=True):
        root = x.sqrt()
        loss = (root * 0).sum()
        loss.backward()  # type: ignore[no-untyped-call]
    assert rules(caught.value) == [("nan-appears", "root = x.sqrt()")]
    assert "of the backward pass" in caught.value.findings[0].message


def test_an_assertion_may_look() -> None:
    with torchdoctor.guard(no_sync=True):
        assert torch.ones(3).sum().item() == 3
