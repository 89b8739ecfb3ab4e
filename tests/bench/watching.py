"""What a watch costs: steps that are watched against steps that are not, in one process.

    python -m tests.bench.watching [--seconds 3] [--rounds 9]

For each size of step, stretches with and without the watch take turns, and the ratio of the medians of their steps is
printed, with the least and the greatest ratio of a round; then that of the processor time of all threads, and the best
stretch against the best, which a busy machine disturbs least. Last, what a watch adds to a step that does next to
nothing. The goals: 1.01 for steps of 10 ms and more, 1.03 for 1 ms.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
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
    """The median of the steps' times by the clock, and the mean processor time of a step, in seconds."""
    times = []
    busy = time.process_time()
    for _ in range(number):
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return median(times), (time.process_time() - busy) / number


def measure(seconds: float, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """Measure every size and say so; returns the ratios of the best stretches, by the clock."""
    import torchdoctor

    found = {}
    for name, size in SIZES.items():
        step = training(size)
        stretch(step, 20)
        number = max(int(seconds / stretch(step, 20)[0]), 20)
        plain: list[tuple[float, float]] = []
        watched: list[tuple[float, float]] = []
        with tempfile.TemporaryDirectory() as folder:
            for index in range(rounds):
                plain.append(stretch(step, number))
                with torchdoctor.watch(Path(folder) / str(index), quiet=True):
                    watched.append(stretch(step, number))
        clock, busy = ([b[kind] / a[kind] for a, b in zip(plain, watched, strict=True)] for kind in (0, 1))
        best = [min(one[kind] for one in watched) / min(one[kind] for one in plain) for kind in (0, 1)]
        found[name] = best[0]
        least = min(one[0] for one in plain) * 1000
        say(
            f"steps of {least:6.2f} ms: clock x{median(clock):.3f} [{min(clock):.3f}..{max(clock):.3f}] "
            f"best x{best[0]:.3f}, processor x{median(busy):.3f} best x{best[1]:.3f}, {rounds} rounds "
            f"of {number} steps; {least * (best[0] - 1) * 1000:+.1f} us a step"
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a stretch")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    measure(options.seconds, options.rounds, print)
