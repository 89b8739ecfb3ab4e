"""What a watch costs: steps that are watched against steps that are not, in one process.

    python -m tests.bench.watching [--seconds 3] [--rounds 9] [--steady]

For each size of step, stretches with and without the watch take turns, each first by turns. A stretch with it is one
watch, from its first step to its last, looks at who holds memory and writing included. Of the ratios of the rounds the
median is printed, with the quartiles: of the time by the clock, which a busy machine disturbs, and of the processor
time of all threads, which it disturbs less. With ``--steady`` one watch goes on through all rounds, and is told of
every other stretch: that is what it costs in a run of hours. The goals: 1.01 for steps of 10 ms and more, 1.03 for
1 ms.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median, quantiles
from typing import Any

# Sizes of a network, and of its batch, that make steps of about this many milliseconds on one core.
SIZES = {"tiny": (4, 4, 1), "1 ms": (64, 320, 40), "10 ms": (256, 768, 48), "50 ms": (512, 2048, 64)}


def training(size: tuple[int, int, int]) -> Callable[[], None]:
    """A step of a small network with AdamW, its batch from a DataLoader."""
    torch: Any = importlib.import_module("torch")
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    wide, hidden, batch = size
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
    """One watch, which has seen its first steps, and is told only of what is in a block."""
    import torchdoctor
    from torchdoctor.probes import watched_calls

    torchdoctor.watch(tempfile.mkdtemp(), quiet=True).start()
    listeners = watched_calls._listeners
    stretch(step, 200)

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
    step = training(SIZES[name])
    number = max(int(seconds / min(stretch(step, 10)[0] for _ in range(3))), 5)
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
    clock, busy = (quantiles([b[kind] / a[kind] for a, b in zip(plain, told, strict=True)], n=4) for kind in (0, 1))
    more = median(b[1] - a[1] for a, b in zip(plain, told, strict=True)) * 1e6
    return (
        f"steps of {median(one[1] for one in plain) * 1000:6.2f} ms: processor x{busy[1]:.3f} "
        f"[{busy[0]:.3f}..{busy[2]:.3f}], {more:+.1f} us a step; clock x{clock[1]:.3f} "
        f"[{clock[0]:.3f}..{clock[2]:.3f}]; {rounds} rounds of {number} steps"
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
