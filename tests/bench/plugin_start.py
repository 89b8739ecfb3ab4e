"""What it costs every run of pytest that torchdoctor is installed, in milliseconds of CPU.

    python -m tests.bench.plugin_start [--repeats 10]

The least of so many processes each: loading the plugin, what pytest reads of an installed package that has one (its
list of files), and a run of one empty test without and with the plugin, switched off and on.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOAD = """
import time, pytest
began = time.process_time()
import torchdoctor.faces.pytest_plugin
print((time.process_time() - began) * 1e3)
"""
_FILES = """
import time, sys
from importlib.metadata import PathDistribution
from pathlib import Path
import _pytest.config as config
began = time.process_time()
set(config._iter_rewritable_modules(str(file) for file in PathDistribution(Path(sys.argv[1])).files or []))
print((time.process_time() - began) * 1e3)
"""


def measure(repeats: int, say: Callable[[str], None]) -> None:
    """Measure all of it and say so."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        info = _installed(folder / "site")
        (folder / "test_it.py").write_text("def test_it():\n    pass\n")
        path = os.pathsep.join([str(info.parent), str(ROOT)])
        load = min(_told(_LOAD, path) for _ in range(repeats))
        files = min(_told(_FILES, path, str(info)) for _ in range(repeats))
        say(f"loading the plugin           {load:6.1f} ms")
        say(f"reading the list of files    {files:6.1f} ms")
        kinds = {"not installed": (str(ROOT), ()), "installed": (path, ()), "--torchdoctor": (path, ("--torchdoctor",))}
        least = dict.fromkeys(kinds, float("inf"))
        for _ in range(repeats):  # in turns: other things run on this machine as well
            for kind, (where, options) in kinds.items():
                least[kind] = min(least[kind], _run(folder, where, *options))
        for kind, cost in least.items():
            say(f"a run, {kind:20} {cost:8.1f} ms")


def _installed(site: Path) -> Path:
    """What an installation of the package leaves: its entry point, and the list of all its files and compiled ones."""
    info = site / "torchdoctor-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchdoctor\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[pytest11]\ntorchdoctor = torchdoctor.faces.pytest_plugin\n")
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "torchdoctor").rglob("*.py")]
    compiled = [f"{Path(path).parent.as_posix()}/__pycache__/{Path(path).stem}.cpython-311.pyc" for path in sources]
    pages = [f"torchdoctor/_{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "rules").rglob("*.md")]
    digest = "sha256=" + "x" * 43
    rows = [f"{path},{digest},1234" for path in [*sources, *pages]] + [f"{path},," for path in compiled]
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


def _told(program: str, path: str, *arguments: str) -> float:
    own = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=own, check=True
    )
    return float(done.stdout)


def _run(folder: Path, path: str, *options: str) -> float:
    own = {**os.environ, "PYTHONPATH": path}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=folder, env=own, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    measure(parser.parse_args().repeats, print)
