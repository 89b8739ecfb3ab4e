"""The test-suites of real packages with and without ``--torchdoctor``: the same passes and failures, at what cost?

    python -m tests.bench.suites [--only entmax] [--to FOLDER] [--repeats 2] [-- ARGUMENTS FOR PYTEST]

Each pinned source archive is fetched by pip and unpacked, and its tests are run in an environment of its own, which
borrows torch and pytest from the one that this runs in. Runs with and without take turns. What is compared is the
outcome of each test, by name; what is printed are the least wall and CPU times of either kind. Exit status 1 where an
outcome differs and does not differ between two runs without.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as xml

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
Outcomes = dict[str, str]


@dataclass(frozen=True)
class Suite:
    """A source archive that ships its tests; ``needs`` is what they import besides torch, numpy and pytest."""

    pin: str
    tests: str
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


SUITES = (
    Suite("entmax==1.0", "entmax"),
    Suite("einops==0.8.2", "einops/tests", ("parameterized",), ("--deselect", "einops/tests/test_notebooks.py")),
    Suite("torch-optimizer==0.3.0", "tests", ("pytorch-ranger",)),
    Suite("linear_operator==0.6.1", "test/functions", ("scipy", "mpmath", "jaxtyping")),
    Suite("normflows==1.7.3", "normflows"),
    Suite("torchsde==0.2.6", "tests/test_brownian_tree.py", ("scipy", "trampoline", "boltons")),
    Suite(
        "skorch==1.4.0",
        "skorch/tests",
        ("scikit-learn", "pandas", "tabulate", "tqdm", "flaky"),
        ("-o", "addopts=", "--ignore=skorch/tests/test_hf.py", "--ignore=skorch/tests/llm"),
    ),
)


@dataclass(frozen=True)
class Ran:
    outcomes: Outcomes
    wall_s: float
    cpu_s: float
    last: str  # pytest's own last line


def measure(suite: Suite, folder: Path, repeats: int, more: Sequence[str], say: Callable[[str], None]) -> bool:
    """Run a suite both ways, and say what came out. False where torchdoctor has changed an outcome."""
    home = unpacked(suite.pin, folder)
    python = environment(folder / f"env-{home.name}", suite.needs)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite.options, *more, suite.tests]
    runs: dict[bool, list[Ran]] = {False: [], True: []}
    for _ in range(repeats):
        for on in (False, True):
            runs[on].append(run([*command, *(["--torchdoctor"] if on else [])], home, folder))
    off, on_ = runs[False], runs[True]
    differing = {
        test
        for test in {*off[0].outcomes, *on_[0].outcomes}
        if {one.outcomes.get(test) for one in off} != {one.outcomes.get(test) for one in on_}
    }
    if differing and len(off) == 1:  # is the test its own master?
        again = run(command, home, folder)
        differing = {test for test in differing if again.outcomes.get(test) == off[0].outcomes.get(test)}
    counts = Counter(off[0].outcomes.values())
    say(f"{suite.pin}: {len(off[0].outcomes)} tests, {', '.join(f'{n} {name}' for name, n in sorted(counts.items()))}")
    for name, these in (("without", off), ("with", on_)):
        wall, cpu = min(one.wall_s for one in these), min(one.cpu_s for one in these)
        say(f"  {name:8} {wall:7.1f} s, {cpu:7.1f} s of CPU   {these[0].last}")
    ratio = min(one.cpu_s for one in on_) / min(one.cpu_s for one in off)
    say(f"  CPU time with over without: {ratio:.3f}; outcomes that differ: {len(differing)}")
    for test in sorted(differing)[:20]:
        say(f"    {test}: {off[0].outcomes.get(test)} without, {on_[0].outcomes.get(test)} with")
    return not differing and bool(off[0].outcomes)


def unpacked(pin: str, folder: Path) -> Path:
    """The folder of a source archive, fetched where it is not there yet."""
    name, _, version = pin.partition("==")
    found = [path for path in folder.glob(f"*-{version}") if _same(path.name.rpartition("-")[0], name)]
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, pin], check=True)
        (archive,) = [path for path in folder.glob("*.tar.gz") if _same(path.name.rpartition("-")[0], name)]
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        archive.unlink()
        found = [path for path in folder.glob(f"*-{version}") if path.is_dir() and path.name.startswith(name[:3])]
    return found[0]


def _same(one: str, other: str) -> bool:
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def environment(folder: Path, needs: Sequence[str]) -> Path:
    """An environment that has what this one has, and more; its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        if needs:
            options = ["--quiet", "--constraint", str(CONSTRAINTS)]
            subprocess.run([str(python), "-m", "pip", "install", *options, *needs], check=True)
    return python


def run(command: Sequence[str], home: Path, folder: Path) -> Ran:
    """One run of a suite."""
    report = folder / "outcomes.xml"
    report.unlink(missing_ok=True)
    info = folder / "site" / "torchdoctor-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchdoctor\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[pytest11]\ntorchdoctor = torchdoctor.faces.pytest_plugin\n")
    path = os.pathsep.join([str(info.parent), str(home), str(ROOT)])
    own = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "EINOPS_TEST_BACKENDS": "numpy,torch"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, f"--junitxml={report}"], cwd=home, env=own, capture_output=True, text=True, errors="replace"
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if not report.exists():
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = [row for row in done.stdout.splitlines() if row.strip()]
    return Ran(outcomes(report), wall, cpu, rows[-1] if rows else "")


def outcomes(report: Path) -> Outcomes:
    """Name to outcome: passed, failure, error or skipped."""
    found: Outcomes = {}
    for case in xml.parse(report).iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[f"{case.get('classname')}::{case.get('name')}"] = kinds[0] if kinds else "passed"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / ".suites", metavar="FOLDER")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("more", nargs="*", help="arguments for pytest, after --")
    given = parser.parse_args()
    chosen = [suite for suite in SUITES if not given.only or suite.pin.partition("==")[0] in given.only]
    said = [measure(suite, given.to.resolve(), given.repeats, given.more, print) for suite in chosen]
    return 0 if said and all(said) else 1


if __name__ == "__main__":
    sys.exit(main())
