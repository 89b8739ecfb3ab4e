"""How long it takes to install the hooks, and from an exception to its explanation.

    python -m tests.bench.explaining [--repeats 5] [--tensors 1000]

Each measurement is a process of its own; the least of them is printed, as wall and as CPU time. Cold is the first
failure of a process, which loads libcst and the signs; warm is the one after it. The failure is a linear
layer of the wrong width, three modules deep, in a module of 60 lines, with that many tensors in the frames' reach.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_INSTALL = """
import sys, threading, time
wall, cpu = time.perf_counter(), time.process_time()
import torchdoctor
torchdoctor.install()
print(time.perf_counter() - wall, time.process_time() - cpu)
"""
_EXPLAIN = """
import sys, time
import torch
from torch import nn
class Block(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x):
        return self.inner(x.flatten(1))
net = Block(Block(Block(nn.Linear(2048, 64))))
held = [torch.zeros(2, 3) for _ in range({tensors})]
{names}
from torchdoctor.faces.telling import tell
for side in (3, 5):
    try:
        net(torch.zeros(32, 128, side, side))
    except RuntimeError as error:
        wall, cpu = time.perf_counter(), time.process_time()
        tell(error)
        print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def measure(repeats: int, tensors: int, say: Callable[[str], None]) -> None:
    """Measure both and say so, in milliseconds."""
    names = "\n".join(f"t{n} = held[{n}]" for n in range(min(tensors, 100)))
    explain = _EXPLAIN.format(tensors=tensors, names=names)
    programs = {_INSTALL: ("install()",), explain: ("cold explanation", "warm explanation")}
    for program, parts in programs.items():
        with tempfile.TemporaryDirectory() as compiled:
            _run(program, compiled)  # the first run compiles, as an installation does
            runs = [_run(program, compiled) for _ in range(repeats)]
        for part, name in enumerate(parts):
            wall, cpu = (min(run[part][kind] for run in runs) * 1000 for kind in (0, 1))
            say(f"{name:18} {wall:8.1f} ms  {cpu:8.1f} ms of CPU")


def _run(program: str, compiled: str) -> list[tuple[float, float]]:
    """Wall and CPU time of each part that the program measures, in seconds."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
    command = [sys.executable, "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    rows = [row.split() for row in done.stdout.splitlines()]
    told = done.stderr.count("\nerror[")
    assert told == len(rows) or "install()" in program, f"not all was explained: {done.stderr}"
    return [(float(wall), float(cpu)) for wall, cpu in rows]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tensors", type=int, default=1000)
    options = parser.parse_args()
    measure(options.repeats, options.tensors, print)
