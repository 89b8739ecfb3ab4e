"""The probe's manners: it keeps nothing alive, touches no dead device, bears odd programs, tells of steps before."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import nn

from tests.memory.card import MIB, Card
from tests.memory.cases import HEAD, TRANSFORMER
from tests.memory.running import explained, run_on
from torchdoctor.diagnose import diagnose
from torchdoctor.memory_record import HeapRecord, MemoryRecord
from torchdoctor.probes import step_memory
from torchdoctor.probes.allocator import heap, told_by_device
from torchdoctor.probes.failure import failure_of
from torchdoctor.record import ExceptionRecord, Failure
from torchdoctor.signs.memory._verdict import growth


@pytest.fixture(autouse=True)
def no_steps() -> Iterator[None]:
    step_memory.forget()
    yield
    step_memory.forget()


def refuse() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def test_no_tensor_outlives_the_look() -> None:
    alive: list[Any] = []

    def program() -> None:
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.ones(2, 8)).sum().backward()
        optimizer.step()
        losses = [model(torch.ones(2, 8)).mean() for _ in range(4)]
        alive.extend(weakref.ref(one) for one in (model, optimizer, *losses, *model.parameters()))
        refuse()

    try:
        program()
    except torch.OutOfMemoryError as error:
        failure = failure_of(error)
    assert failure.memory is not None
    gc.collect()
    assert [one() for one in alive] == [None] * len(alive)


def test_a_device_that_is_not_begun_is_not_asked() -> None:
    with mock.patch("torch.cuda.mem_get_info", side_effect=AssertionError("it would begin CUDA")):
        assert told_by_device("cuda:0", 1) == {"missing": ("the device",)}
        forked = mock.patch("torch.cuda._is_in_bad_fork", return_value=True, create=True)
        with mock.patch("torch.cuda.is_initialized", return_value=True), forked:
            assert told_by_device("cuda:0", 1) == {"missing": ("the device",)}


def test_a_dead_device_is_asked_once(tmp_path: Path) -> None:
    card, asked = Card(64 * MIB), []

    def dead(device: Any = None) -> Any:
        asked.append(device)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    never = {name: mock.Mock(side_effect=AssertionError) for name in ("memory_stats", "memory_snapshot")}
    with card.looked_at(), mock.patch.multiple("torch.cuda", mem_get_info=dead, **never):
        try:
            refuse()
        except torch.OutOfMemoryError as error:
            failure = failure_of(error)
    assert asked == [0]
    assert failure.memory is not None and failure.memory.requested == 20 * MIB
    assert "memory" in failure.memory.missing
    assert [one.rule for one in diagnose(failure)] == ["step-does-not-fit"]


def test_blocks_of_other_streams_and_pools_are_out_of_reach() -> None:
    def segment(size: int, free: int, stream: int = 0, pool: tuple[int, int] = (0, 0), **more: Any) -> dict[str, Any]:
        blocks = [{"size": size - free, "state": "active_allocated"}, {"size": free, "state": "inactive"}]
        return {"device": 0, "total_size": size * MIB, "stream": stream, "segment_pool_id": pool, "blocks": [
            {**block, "size": block["size"] * MIB} for block in blocks  # type: ignore[operator]
        ], "segment_type": "large", **more}  # fmt: skip

    segments = [segment(40, 10), segment(60, 30, stream=7), segment(80, 50, pool=(0, 1)), segment(9, 9, device=1)]
    found = heap(segments, 0, 0, 24 * MIB)
    assert (found.usable, found.elsewhere) == (10 * MIB, 50 * MIB)
    assert (found.free, found.private, found.private_free) == (40 * MIB, 80 * MIB, 50 * MIB)
    assert heap(segments, 0, 7, 24 * MIB).usable == 30 * MIB
    memory = MemoryRecord(
        "cuda:0", requested=24 * MIB, total=200 * MIB, free=0, allocated=140 * MIB, reserved=180 * MIB
    )
    found_in = Failure(
        ExceptionRecord("OutOfMemoryError", "CUDA out of memory. Tried to allocate 24.00 MiB."),
        blame="torch",
        memory=MemoryRecord(**{**vars_of(memory), "heap": found, "allocated": 140 * MIB}),
    )
    (told,) = diagnose(found_in)
    assert told.rule == "fragmented-memory" and "of another stream or of a private pool" in told.cures[0]


def vars_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


ODD = (
    HEAD
    + """\


class Awkward:
    def __getattr__(self, name):
        raise RuntimeError("asked for " + name)

    def __len__(self):
        raise RuntimeError("asked for its length")

    def __eq__(self, other):
        raise RuntimeError("compared")

    __hash__ = None


class Shadowed(dict):
    def values(self):
        raise RuntimeError("asked for its values")


class Tagged(torch.Tensor):
    @property
    def device(self):
        raise RuntimeError("asked for its device")


"""
)
ODDITIES = {
    "objects": "a, b = Awkward(), Shadowed(x=torch.ones(3))\nbig = torch.empty(CARD, dtype=torch.uint8)\n",
    "a subclass of tensors": "t = torch.ones(3).as_subclass(Tagged)\nbig = torch.empty(CARD, dtype=torch.uint8)\n",
    "a model without parameters": "model = nn.Sequential(nn.ReLU())\nbig = model(torch.empty(CARD // 4 - 9)) + 1\n",
    "sparse and nested": (
        "s = torch.eye(4).to_sparse()\nn = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])\n"
        "big = torch.empty(CARD, dtype=torch.uint8)\n"
    ),
    "meta and empty": "m, e = torch.empty(3, device='meta'), torch.empty(0)\nbig = torch.empty(CARD)\n",
    "quantised": ("q = torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8)\nbig = torch.empty(CARD)\n"),
    "a lazy layer": "lazy = nn.LazyLinear(4)\nbig = torch.empty(CARD, dtype=torch.uint8)\n",
    "a list that holds itself": "held = [torch.ones(3) for _ in range(4)]\nheld.append(held)\nb = torch.empty(CARD)\n",
    "an optimizer without state": (
        "w = nn.Parameter(torch.ones(3))\nopt = torch.optim.SGD([w], lr=1)\nopt.state = None\nbig = torch.empty(CARD)\n"
    ),
    "checkpointed layers": (
        "from torch.utils.checkpoint import checkpoint\nlayer = nn.Linear(64, 64)\nx = torch.ones(CARD // 1024, 64)\n"
        "y = checkpoint(layer, x, use_reentrant=False)\nbig = torch.empty(CARD, dtype=torch.uint8)\n"
    ),
    "a function of one's own": (
        "class Twice(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x * 2\n    @staticmethod\n    def backward(ctx, g):\n"
        "        return g * 2\nx = torch.ones(CARD // 32, requires_grad=True)\ny = Twice.apply(x * 1)\n"
        "big = torch.empty(CARD, dtype=torch.uint8)\n"
    ),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_odd_programs(name: str, tmp_path: Path) -> None:
    failure = run_on(Card(64 * MIB), ODD + ODDITIES[name], tmp_path)
    assert failure.memory is not None and failure.memory.parts
    (found,) = explained(failure)
    assert found.rule in ("step-does-not-fit", "request-exceeds-card")
    if name == "checkpointed layers":
        assert any("checkpointing" in one for one in failure.memory.missing)
    if name == "a function of one's own":
        assert failure.memory.part("saved activations") >= 64 * MIB // 32 * 4


def test_the_steps_before_are_told_where_they_were_watched(tmp_path: Path) -> None:
    for allocated in (3, 5, 5, 5, 5):
        step_memory.note("cuda:0", allocated * MIB, "16x128x64, 16")
    program = (
        HEAD + TRANSFORMER + "model = Model()\n"
        "x, y = torch.randn(16, 700, 64), torch.randint(10, (16,))\n"
        "loss = F.cross_entropy(model(x).mean(1), y)\nloss.backward()\n"
    )
    failure = run_on(Card(160 * MIB), program, tmp_path)
    (found,) = explained(failure)
    assert found.rule == "step-does-not-fit"
    told = (
        "`x` is 16x700x64 in this step; the last good one had a batch of 16x128x64, 16, and ended with 5 MiB allocated"
    )
    assert told in found.evidence


def test_growth_is_told_of_like_steps_only() -> None:
    def grown(steps: list[int], shapes: tuple[str, ...] = ()) -> int:
        return growth(MemoryRecord("cuda:0", allocated=100, steps=tuple(steps), shapes=shapes))

    assert grown([1, 50, 60, 70, 80, 90]) == 10
    assert grown([1, 90, 90, 90, 90, 90]) == 0, "gradients and state are made in the first steps"
    assert grown([1, 50, 60, 55, 70, 80]) == 0
    assert grown([1, 50, 60]) == 0, "three more steps are wanted"
    assert grown([1, 90, 91, 92, 93], ()) == 0, "too little to be it"
    shapes = ("a", "a", "b", "a", "b", "a", "a")
    assert grown([1, 50, 90, 60, 99, 70, 80], (*shapes[:5], "a", "a")) == 0, (
        "of four like steps the first two are passed"
    )
    assert grown([1, 50, 60, 20, 70, 80, 90], ("a", "a", "a", "b", "a", "a", "a")) == 10


def test_the_growth_of_watched_steps_is_the_verdict(tmp_path: Path) -> None:
    for step in range(8):
        step_memory.note("cuda:0", (10 + 20 * step) * MIB, "32x64")
    failure = run_on(Card(200 * MIB), HEAD + "a = torch.empty(CARD // 8)\nb = torch.empty(CARD // 8 + 9)\n", tmp_path)
    assert failure.memory is not None and len(failure.memory.steps) == 8
    (told,) = explained(failure)
    assert told.rule == "memory-grows-over-steps"
    assert "20 MiB more are allocated at the end of each step" in told.message


def test_weights_that_are_averaged_over_steps_are_no_leak(tmp_path: Path) -> None:
    program = (
        HEAD + TRANSFORMER + "model = Model(width=128, depth=4)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "average = {name: one.detach().clone() for name, one in model.state_dict().items()}\n"
        "for step in range(3):\n"
        "    x = torch.randn(4 if step < 2 else 64, 256, 128)\n"
        "    loss = model(x).square().mean()\n"
        "    loss.backward()\n    optimizer.step()\n    optimizer.zero_grad()\n"
        "    for name, one in model.state_dict().items():\n"
        "        average[name] = 0.9 * average[name] + 0.1 * one.detach()\n"
    )
    failure = run_on(Card(128 * MIB), program, tmp_path)
    (found,) = explained(failure)
    assert found.rule == "step-does-not-fit"
    assert failure.memory is not None and "average" not in [one.name for one in failure.memory.held]


def test_heaps_have_their_defaults() -> None:
    assert heap([], 0, 0, None) == HeapRecord(segments=0, free=0, usable=0)


def test_a_residual_stream_is_no_running_total() -> None:
    from torchdoctor.probes.kept import chain_of

    blocks = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Linear(4, 4)) for _ in range(6))
    x, total, weighted = torch.ones(2, 4), torch.zeros(()), torch.zeros(())
    for block in blocks:
        x = x + block(x)
        total = total + block(torch.ones(2, 4)).sum()
        weighted += 0.5 * block(torch.ones(2, 4)).mean() + block(torch.ones(2, 4)).sum()
    assert chain_of(x.grad_fn) == 0
    assert chain_of(total.grad_fn) == 6 and chain_of(weighted.grad_fn) >= 6
