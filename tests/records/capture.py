"""Writes the records of out-of-memory failures that the tests replay; tests/records/README.md tells how.

python -m tests.records.capture                    on a machine with a GPU: tests/records/memory/gpu/
python -m tests.records.capture --simulated        anywhere: tests/records/memory/simulated/
python -m tests.records.capture "a share of"       only the cases whose names hold these words
"""

from __future__ import annotations

import argparse
import json
import linecache
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.memory.cases import CASES, CONTROLS, Case
from torchdoctor.diagnose import diagnose
from torchdoctor.record import Failure
from torchdoctor.record_json import plain

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent / "memory"
_PACKAGES = re.compile(r"^.*?(?:site-packages|dist-packages)[/\\]")
_STANDARD = re.compile(r"^.*?[/\\]lib[/\\]python3\.\d+[/\\]")


def main() -> int:
    """Capture the cases that were asked for; 1 where a verdict is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", action="store_true", help="on the simulated card")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help="words in the names of cases")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_on_gpu(_named(options.one))))
        return 0
    chosen = [case for case in (*CASES, *CONTROLS) if not options.words or any(w in case.name for w in options.words)]
    folder = FOLDER / ("simulated" if options.simulated else "gpu")
    folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for case in chosen:
        if not options.simulated and not case.gpu:
            continue
        record = _simulated(case) if options.simulated else _in_process(case)
        if record is None:
            wrong += 1
            continue
        wrong += record["told"] != case.verdict
        print(f"{'as it should be' if record['told'] == case.verdict else 'WRONG'}: {case.name}: {record['told']}")
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        (folder / f"{slug(case.name)}.json").write_text(text, encoding="utf-8")
    return 1 if wrong else 0


def slug(name: str) -> str:
    """A file's name for a case."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _named(name: str) -> Case:
    return next(case for case in (*CASES, *CONTROLS) if case.name == name)


def _simulated(case: Case) -> dict[str, Any]:
    from tests.memory.running import run

    with tempfile.TemporaryDirectory() as folder:
        return _record(case, run(case, Path(folder)), folder, simulated=True)


def _in_process(case: Case) -> dict[str, Any] | None:
    """Run one case on the GPU in a process of its own: what one leaves behind would be another's."""
    command = [sys.executable, "-m", "tests.records.capture", "--one", case.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        print(f"FAILED: {case.name}\n{done.stderr[-2000:]}")
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _on_gpu(case: Case) -> dict[str, Any]:
    import torch

    from torchdoctor.probes.failure import failure_of

    total = torch.cuda.get_device_properties(0).total_memory
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.py"
        path.write_text(case.program, encoding="utf-8")
        names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path), "device": "cuda", "CARD": total}
        torch.manual_seed(0)
        linecache.checkcache(str(path))
        try:
            exec(compile(case.program, str(path), "exec"), names)
        except torch.OutOfMemoryError as error:
            return _record(case, failure_of(error), folder, simulated=False)
    raise SystemExit("the program ended well: this card is larger than it is meant for")


def _record(case: Case, failure: Failure, folder: str, *, simulated: bool) -> dict[str, Any]:
    found = diagnose(failure)
    slim = replace(
        failure, memory=failure.memory and replace(failure.memory, host=None), environment=_versions(failure)
    )
    return {
        "case": case.name,
        "verdict": case.verdict,
        "told": found[0].rule if found else "nothing",
        "simulated": simulated,
        "failure": _without_paths(plain(slim), folder),
    }


def _versions(failure: Failure) -> dict[str, Any]:
    return {name: failure.environment[name] for name in ("torch", "cuda", "python") if name in failure.environment}


def _without_paths(value: Any, folder: str) -> Any:
    """A record without the folders of this machine."""
    if isinstance(value, dict):
        return {key: _without_paths(one, folder) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_paths(one, folder) for one in value]
    if isinstance(value, str) and ("/" in value or "\\" in value):
        value = value.replace(folder + os.sep, "").replace(folder, ".")
        if value.startswith(str(ROOT)):
            return value.removeprefix(str(ROOT)).lstrip("/\\")
        return _STANDARD.sub("python/", _PACKAGES.sub("site-packages/", value))
    return value


if __name__ == "__main__":
    sys.exit(main())
