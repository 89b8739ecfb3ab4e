"""What the profiler's window costs, and how fast a trace is read.

    python -m tests.bench.profiling [--steps 200] [--megabytes 100]

Steps: those of a small training loop under ``torchdoctor.profile`` before its window, in it with stacks and without,
and behind it, each as a ratio to the same loop on its own; medians, plain and profiled taking turns. Reading: a trace
of so many megabytes, made by repeating a recorded one; the process's CPU time and the most memory that it held.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "records" / "traces" / "healthy-transformer.json.gz"
_READ = """
import re, sys, time
from torchdoctor.traces.reading import read
began = time.process_time()
record = read(sys.argv[1])
held = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(time.process_time() - began, held, record.events, len(record.steps))
"""


def steps(count: int) -> None:
    import torch

    import torchdoctor

    model = torch.nn.Sequential(torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(256, 64), torch.randint(10, (256,))

    def turn() -> float:
        began = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return time.perf_counter() - began

    plain = statistics.median(turn() for _ in range(count))
    print(f"plain                     {plain * 1e3:8.3f} ms")
    for stacks in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            with torchdoctor.profile(folder, wait=count, active=count // 4, stacks=stacks, quiet=True) as prof:
                before = statistics.median(turn() for _ in range(count))
                for _ in range(2):  # the warm-up
                    turn()
                inside = statistics.median(turn() for _ in range(count // 4 - 2))
                for _ in range(4):  # the window closes
                    turn()
                behind = statistics.median(turn() for _ in range(count))
            again = statistics.median(turn() for _ in range(count))
            base = (plain + again) / 2
            ratios = f"before {before / base:5.3f}, inside {inside / base:5.3f}, behind {behind / base:5.3f}"
            print(f"stacks={stacks!s:<6} {ratios}")
            assert prof.record is not None


def reading(megabytes: int) -> None:
    with gzip.open(RECORDED, "rt", encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    length = max(event["ts"] + event["dur"] for event in events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        with path.open("w", encoding="utf-8") as file:
            file.write('{"schemaVersion": 1, "traceEvents": [\n')
            turn = 0
            while file.tell() < megabytes * 1e6:
                for event in events:
                    file.write(json.dumps({**event, "ts": event["ts"] + turn * length}, indent=2) + ",\n")
                turn += 1
            file.write("{}]}")
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        cpu, held, count, seen = map(float, done.stdout.split())
        size = path.stat().st_size / 1e6
        print(
            f"{size:.0f} MB, {count:.0f} events, {seen:.0f} steps: {cpu:.1f} s, {size / cpu:.0f} MB/s, {held:.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--megabytes", type=int, default=100)
    given = parser.parse_args()
    steps(given.steps)
    reading(given.megabytes)


if __name__ == "__main__":
    main()
