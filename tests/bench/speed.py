"""How fast lint is, as ratios taken side by side in one run.

    python -m tests.bench.speed PATH [--repeats 5] [--compiled] [--rival 'torchfix=torchfix --select=ALL {path}'] ...

Everything is measured in processes of its own, in turns, so that whatever else the machine does falls on all alike:
CPU seconds (user and system) of `torchdoctor lint` with all rules, no cache and one process, against those of bare
`libcst.parse_module` on exactly the files that lint had to parse. Rivals are commands; they run on the same path. With
``--compiled`` a copy of the package is compiled as wheels are, and is what lints; without, Python is.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "torchdoctor"
# Where the time goes: the first of these that a frame's file belongs to.
PARTS = {
    "facts/tree.py": "walk",
    "facts/scopes.py": "scopes",
    "facts/names.py": "names",
    "facts/classes.py": "classes",
    "facts/positions.py": "places",
    "facts/neighbours.py": "neighbours",
    "facts/": "flow and other facts",
    "checks/": "checks",
}
EVERY_S = 0.001
# Runs the package of a folder, and not the one of the checkout.
RUN = "import sys; sys.path.insert(0, {!r}); from torchdoctor.faces.cli import main; main(prog_name='torchdoctor')"


@dataclass(frozen=True)
class Measured:
    """One process: seconds of CPU, seconds on the clock, and the most memory that it held, in MB."""

    cpu: float
    wall: float
    memory: float


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end. Its own processes count too, for CPU; what it prints is thrown away."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"exit code {process.returncode}: {shlex.join(command)}")
    per_unit = 1 if sys.platform == "darwin" else 1024
    return Measured(usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss * per_unit / 1e6)


def best(runs: Sequence[Measured]) -> Measured:
    """The least of each: what the work costs where nothing disturbs it."""
    return Measured(min(r.cpu for r in runs), min(r.wall for r in runs), max(r.memory for r in runs))


# -- what runs in the measured processes -------------------------------------------------------------------------------


def parse_only(listing: Path) -> None:
    """Bare parsing of the listed files."""
    import libcst

    for path in json.loads(listing.read_text()):
        libcst.parse_module(Path(path).read_bytes())


def lint_and_list(target: Path, listing: Path) -> None:
    """Lint in this process, and list the files that were parsed: those looked at and their neighbours."""
    from torchdoctor.facts.file import File

    parsed: list[str] = []
    initialise = File.__init__

    def note(self: File, text: str, path: str = "<string>", *, twin: File | None = None, **rest: object) -> None:
        if twin is None:  # else its tree serves twice
            parsed.append(path)
        initialise(self, text, path, twin=twin, **rest)  # type: ignore[arg-type]

    File.__init__ = note  # type: ignore[method-assign]
    files = _lint(target)
    listing.write_text(json.dumps(sorted(set(parsed))))
    print(json.dumps({"files": files, "parsed": len(set(parsed)), "parses": len(parsed)}))


def lint_and_sample(target: Path) -> None:
    """Lint in this process, and print where its CPU time went: by part, and by rule."""
    parts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    last = time.process_time()

    def sample(_: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.process_time()
        part, rule = _where(frame)
        parts[part] += now - last  # type: ignore[assignment]
        if rule:
            rules[rule] += now - last  # type: ignore[assignment]
        last = now

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    _lint(target)
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps({"parts": parts, "rules": rules}))


def _lint(target: Path) -> int:
    """Lint as the command does, but in the main thread: signals are for that."""
    from torchdoctor import catalogue
    from torchdoctor.config import load
    from torchdoctor.facts.nodes import build_quickly
    from torchdoctor.project.discovery import discover
    from torchdoctor.project.run import Run
    from torchdoctor.project.workers import Worker

    sys.setrecursionlimit(20_000)
    settings = load([target], isolated=True)
    found = discover([target], settings)
    everything = frozenset(catalogue.rules())
    build_quickly()
    Worker(Run(settings, [target]).roots).examine([(path, everything) for path in found.files])
    return len(found.files)


def _where(frame: FrameType | None) -> tuple[str, str]:
    """The part of the house that was at work, and the rule that it worked for."""
    part = rule = ""
    parsing = False
    while frame is not None:
        file = frame.f_code.co_filename
        parsing = parsing or (not part and frame.f_code.co_name == "parse_module" and "libcst" in file)
        if file.startswith(str(PACKAGE)):
            inside = Path(file).relative_to(PACKAGE).as_posix()
            part = part or next((name for prefix, name in PARTS.items() if inside.startswith(prefix)), "the rest")
            if inside.startswith("checks/"):
                rule = Path(file).stem.strip("_").replace("_", "-")
        frame = frame.f_back
    return ("parse" if parsing else part or "the rest"), rule


# -- the report --------------------------------------------------------------------------------------------------------


def inner(role: str, *arguments: str | Path) -> list[str]:
    """The command that runs a part of this module in a process of its own."""
    return [sys.executable, "-m", "tests.bench.speed", f"--{role}", *map(str, arguments)]


def answer(command: Sequence[str]) -> Any:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def compiled_in(folder: Path) -> list[str]:
    """The start of a command that runs a compiled copy of the package, which comes to lie in the folder."""
    for part in ("torchdoctor", "rules"):
        shutil.copytree(ROOT / part, folder / part)
    command = [sys.executable, str(ROOT / ".hatch" / "compile.py"), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [sys.executable, "-c", RUN.format(str(folder))]


def compare(
    target: Path, repeats: int, rivals: dict[str, str], say: Callable[[str], None] = print, *, compiled: bool = False
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder, "parsed.json")
        counts = answer(inner("list", target, listing))
        size = sum(Path(path).stat().st_size for path in json.loads(listing.read_text())) / 1e6
        say(f"{target}: {counts['files']} files, {counts['parsed']} of them had to be parsed ({size:.1f} MB)")
        if counts["parses"] != counts["parsed"]:
            say(f"  some of them more than once: {counts['parses']} parses")

        ours = compiled_in(Path(folder, "compiled")) if compiled else [sys.executable, "-m", "torchdoctor"]
        base = [*ours, "lint", "--isolated", "--select", "all", "--quiet", str(target)]
        commands = {
            "bare libcst.parse_module": inner("parse", listing),
            f"torchdoctor lint{', compiled' if compiled else ''}": [*base, "--no-cache", "--jobs", "1"],
            **{name: shlex.split(text.format(path=shlex.quote(str(target)))) for name, text in rivals.items()},
        }
        runs: dict[str, list[Measured]] = {name: [] for name in commands}
        for _ in range(repeats):
            for name, command in commands.items():
                runs[name].append(measure(command))
        _ratios(runs, say)

        cached = [*base, "--cache-dir", str(Path(folder, "cache"))]
        first, later = measure(cached).wall, best([measure(cached) for _ in range(repeats)]).wall
        say(f"\nwith the cache, all processors: first run {first:.2f} s, next run {later:.2f} s (clock)")

        _shares(answer(inner("sample", target)), say)


def _ratios(runs: dict[str, list[Measured]], say: Callable[[str], None]) -> None:
    names = list(runs)
    bare = best(runs[names[0]]).cpu
    ours = best(runs[names[1]]).cpu
    say(f"\n{'':28} {'CPU s':>8} {'spread':>8} {'/ parse':>8} {'/ ours':>8} {'MB':>6}")
    for name, measured in runs.items():
        cpu = best(measured).cpu
        spread = statistics.pstdev(run.cpu for run in measured) / cpu
        memory = best(measured).memory
        say(f"{name:28} {cpu:8.2f} {spread:8.0%} {cpu / bare:8.2f} {cpu / ours:8.2f} {memory:6.0f}")


def _shares(where: dict[str, dict[str, float]], say: Callable[[str], None]) -> None:
    total = sum(where["parts"].values())
    say(f"\nwhere the CPU time of lint goes ({total:.2f} s, sampled in a run of its own)")
    for part, seconds in sorted(where["parts"].items(), key=lambda item: -item[1]):
        say(f"  {part:24} {seconds:7.2f} s {seconds / total:6.1%}")
    say("by rule, with the facts that it was the first to ask for")
    for rule, seconds in sorted(where["rules"].items(), key=lambda item: -item[1])[:15]:
        say(f"  {rule:36} {seconds:7.2f} s {seconds / total:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compiled", action="store_true", help="lint with a compiled copy, as wheels hold it")
    parser.add_argument("--rival", action="append", default=[], metavar="NAME=COMMAND", help="{path} stands for PATH")
    parser.add_argument("--parse", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--list", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--sample", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parse:
        parse_only(options.parse)
    elif options.list:
        lint_and_list(*options.list)
    elif options.sample:
        lint_and_sample(options.sample)
    elif options.path is None:
        parser.error("PATH is missing")
    else:
        rivals = dict(rival.split("=", 1) for rival in options.rival)
        compare(options.path.absolute(), options.repeats, rivals, compiled=options.compiled)


if __name__ == "__main__":
    main()
