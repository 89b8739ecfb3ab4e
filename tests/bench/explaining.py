"""How long it takes to install the hooks, and from an exception to its explanation.

    python -m tests.bench.explaining [--repeats 5] [--tensors 1000]

Each measurement is a process of its own; the least of them is printed, as CPU and as wall time. The failure is a linear
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
try:
    net(torch.zeros(32, 128, 3, 3))
except RuntimeError as error:
    wall, cpu = time.perf_counter(), time.process_time()
    tell(error)
    print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def measure(repeats: int, tensors: int, say: Callable[[str], None]) -> None:
    """Measure both and say so, in milliseconds."""
    names = "\n".join(f"t{n} = held[{n}]" for n in range(min(tensors, 100)))
    programs = {"install()": _INSTALL, f"explanation, {tensors} tensors": _EXPLAIN.format(tensors=tensors, names=names)}
    for name, program in programs.items():
        with tempfile.TemporaryDirectory() as compiled:
            _run(program, compiled)  # the first run compiles, as an installation does
            times = [_run(program, compiled) for _ in range(repeats)]
        wall, cpu = min(wall for wall, _ in times), min(cpu for _, cpu in times)
        say(f"{name:26} {wall * 1000:8.1f} ms  {cpu * 1000:8.1f} ms of CPU")


def _run(program: str, compiled: str) -> tuple[float, float]:
    """Wall and CPU time of what the program measures, in seconds."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
    command = [sys.executable, "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    assert "error[" in done.stderr or "install" in program, f"nothing was explained: {done.stderr}"
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tensors", type=int, default=1000)
    options = parser.parse_args()
    measure(options.repeats, options.tensors, print)
