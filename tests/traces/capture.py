"""Records the scenarios with ``torchdoctor.profile`` and keeps small copies of the traces, for the tests to replay.

    python -m tests.traces.capture [SCENARIO ...]

Each runs in a process of its own. A recording in which one step took far longer than the others, because the machine
was busy with something else, is thrown away and made again. What no reader of ours looks at is left out.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "tests" / "records" / "traces"
TRIES, STEADY = 8, 1.35
_ARGUMENTS = ("Sequence number", "Input type", "Input Dims", "Input Strides", "correlation", "bytes", "device")
_RUN = """
import sys
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook
import torchdoctor
from tests.traces.scenarios import SCENARIOS

class Enough(Exception): ...

def stop(*_):
    if prof.traces and prof._window._by:
        raise Enough

prof = torchdoctor.profile(sys.argv[2], quiet=True, wait=4, warmup=1, active=3)
register_optimizer_step_pre_hook(stop)
torch.nn.modules.module.register_module_forward_pre_hook(stop) if "inference" in sys.argv[1] else None
try:
    with prof:
        SCENARIOS[sys.argv[1]]()
except Enough:
    pass
"""


def capture(name: str) -> None:
    from torchdoctor.traces.reading import read

    best: tuple[float, Path | None] = (float("inf"), None)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TRIES):
            out = Path(folder, str(turn))
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "KINETO_LOG_LEVEL": "99"}
            subprocess.run(
                [sys.executable, "-c", _RUN, name, str(out)], check=True, env=environment, stderr=subprocess.DEVNULL
            )
            (trace,) = out.iterdir()
            walls = [step.wall for step in read(trace).steps]
            best = min(best, (max(walls) / statistics.median(walls), trace), key=lambda one: one[0])
            if best[0] < STEADY:
                break
        assert best[1] is not None
        KEPT.mkdir(parents=True, exist_ok=True)
        size = keep(best[1], KEPT / f"{name}.json.gz")
    print(f"{name}: {size >> 10} KiB, slowest step {best[0]:.2f} of the median", flush=True)


def keep(trace: Path, path: Path) -> int:
    """Write a small copy; returns its bytes."""
    with gzip.open(trace, "rt", encoding="utf-8") as file:
        whole = json.load(file)
    base = whole.get("baseTimeNanoseconds", 0) / 1000
    events = [event for event in whole["traceEvents"] if event.get("ph") == "X" and event.get("cat") != "Trace"]
    first = min(event["ts"] for event in events)
    ours = whole["torchdoctor"]
    ours["samples"] = [[round(time - base - first, 1), place] for time, place in ours["samples"]]
    ours["places"] = [[place.replace(f"{ROOT}{os.sep}", ""), *rest] for place, *rest in ours["places"]]
    small = {"schemaVersion": 1, "torchdoctor": ours, "deviceProperties": whole.get("deviceProperties", [])}
    small["traceEvents"] = [_event(event, first) for event in events if _matters(event)]
    data = json.dumps(small, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    return path.stat().st_size


def _matters(event: dict[str, Any]) -> bool:
    from torchdoctor.traces.names import kind_of, name_of

    if event["cat"] != "python_function":
        return True
    name = name_of(kind_of(event["cat"], event["name"]), event["name"])
    if name.act or name.phase or name.place or name.module:
        return True
    return float(event["dur"]) >= (50 if "_dynamo" in event["name"] or not name.torchs else 5)


def _event(event: dict[str, Any], first: float) -> dict[str, Any]:
    from torchdoctor.traces.names import _ADDRESS

    kept = {key: event[key] for key in ("ph", "cat", "pid", "tid")}
    kept |= {"name": _ADDRESS.sub(" object at 0x0", event["name"]), "ts": round(event["ts"] - first, 1)}
    kept["dur"] = round(event["dur"], 1)
    arguments = {key: event["args"][key] for key in _ARGUMENTS if key in event.get("args", {})}
    return {**kept, "args": arguments} if arguments else kept


if __name__ == "__main__":
    from tests.traces.scenarios import SCENARIOS

    for one in sys.argv[1:] or SCENARIOS:
        capture(one)
