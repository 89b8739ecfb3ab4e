"""What a watch costs: steps that are watched against steps that are not, in one process.

    python -m tests.bench.watching [--seconds 3] [--rounds 9] [--steady]

For each size of step, stretches with and without the watch take turns, each first by turns. A stretch with it is one
watch, from its first step to its last, looks at who holds memory and writing included. Of the ratios of the rounds the
median is printed, and between what it lies in nineteen of twenty such runs: of the time by the clock, which a busy
machine disturbs, and of the processor time of all threads, which it disturbs less. With ``--steady`` one watch goes on
through all rounds, and is told of every other stretch: that is what it costs in a run of hours. Many short stretches
tell more than a few long ones: what the machine does besides then falls on both alike. The batch is made as large as it
takes for a step to last as long as its name says. The goals: 1.01 for steps of 10 ms and more, 1.03 for 1 ms.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import Any

# The width of a network's input and of its layers, the batch to begin with, and how long its steps shall take, in
# seconds; None for as short as they are.
SIZES = {
    "tiny": (4, 4, 1, None),
    "1 ms": (64, 320, 40, 0.001),
    "10 ms": (256, 768, 48, 0.010),
    "50 ms": (512, 2048, 64, 0.050),
}


def training(wide: int, hidden: int, batch: int) -> Callable[[], None]:
    """A step of a small network with AdamW, its batch from a DataLoader."""
    torch: Any = importlib.import_module("torch")
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    net = torch.nn.Sequential(
        torch.nn.Linear(wide, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, 10),
    )
    optimizer = torch.optim.AdamW(net.parameters())
    data = TensorDataset(torch.randn(64 * batch, wide), torch.randint(0, 10, (64 * batch,)))

    def batches() -> Any:
        while True:
            yield from DataLoader(data, batch_size=None, sampler=[list(range(batch))] * 64)

    source = batches()

    def step() -> None:
        x, y = next(source)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def lasting(wide: int, hidden: int, batch: int, seconds: float | None) -> Callable[[], None]:
    """A step that takes about so long, by the size of its batch."""
    step = training(wide, hidden, batch)
    low, high = 1, 64 * batch
    while seconds is not None and low < high - 1:
        took = median(stretch(step, 5)[1] for _ in range(7))
        if abs(took / seconds - 1) < 0.03:
            break
        low, high = (batch, high) if took < seconds else (low, batch)
        batch = min(max(round(batch * seconds / took), low + 1), high - 1)
        step = training(wide, hidden, batch)
    return step


def between(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the two values that it lies between in nineteen of twenty samples of this size."""
    ranked, off = sorted(values), 0.98 * len(values) ** 0.5
    low, high = max(round(len(values) / 2 - off), 0), min(round(len(values) / 2 + off), len(values) - 1)
    return median(ranked), ranked[low], ranked[high]


def stretch(step: Callable[[], None], number: int) -> tuple[float, float]:
    """A step's time by the clock, and its processor time, in seconds: the means of so many."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(number):
        step()
    return (time.perf_counter() - start) / number, (time.process_time() - busy) / number


@contextmanager
def watched() -> Iterator[None]:
    """A watch of its own for what is in the block."""
    import torchdoctor

    with tempfile.TemporaryDirectory() as folder, torchdoctor.watch(folder, quiet=True):
        yield


def steady(step: Callable[[], None]) -> Callable[[], AbstractContextManager[None]]:
    """One watch, which has seen the first of its steps, and is told only of what is in a block."""
    import torchdoctor
    from torchdoctor.probes import recorder, watched_calls

    torchdoctor.watch(tempfile.mkdtemp(), quiet=True).start()
    listeners = watched_calls._listeners
    while listeners[0].settled <= recorder.OFTEN:  # as often as at first nothing is looked at later
        step()

    @contextmanager
    def told() -> Iterator[None]:
        watched_calls._listeners = listeners
        step()
        yield
        watched_calls._listeners = ()

    watched_calls._listeners = ()
    return told


def measure(name: str, seconds: float, rounds: int, *, going_on: bool) -> str:
    """Measure one size, and say what was found."""
    step = lasting(*SIZES[name])
    number = max(int(seconds / min(stretch(step, 10)[0] for _ in range(3))), 1)
    within = steady(step) if going_on else watched
    plain: list[tuple[float, float]] = []
    told: list[tuple[float, float]] = []
    for index in range(rounds):
        for one in (plain, told) if index % 2 else (told, plain):
            if one is plain:
                plain.append(stretch(step, number))
            else:
                with within():
                    told.append(stretch(step, number))
    pairs = list(zip(plain, told, strict=True))
    clock, busy = (between([b[kind] / a[kind] for a, b in pairs]) for kind in (0, 1))
    more = between([(b[1] - a[1]) * 1e6 for a, b in pairs])
    return (
        f"steps of {median(one[1] for one in plain) * 1000:6.2f} ms: processor x{busy[0]:.4f} "
        f"[{busy[1]:.4f}..{busy[2]:.4f}], {more[0]:+.1f} [{more[1]:+.1f}..{more[2]:+.1f}] us a step; "
        f"clock x{clock[0]:.4f} [{clock[1]:.4f}..{clock[2]:.4f}]; {rounds} rounds of {number} steps"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a stretch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steady", action="store_true", help="one watch for all of it")
    parser.add_argument("sizes", nargs="*", default=list(SIZES), help=f"of {', '.join(map(repr, SIZES))}")
    options = parser.parse_args()
    for chosen in options.sizes:
        print(measure(chosen, options.seconds, options.rounds, going_on=options.steady), flush=True)
