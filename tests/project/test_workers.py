"""Worker processes: the same findings, whatever becomes of a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.project.conftest import SICK, WELL
from torchdoctor.project import workers
from torchdoctor.project.workers import Done, Task, examine_all, examine_here

Write = Callable[[Mapping[str, "str | bytes"]], Path]
RULES = frozenset({"bare-grad-context"})
FILES = {f"pkg{n % 3}/m{n}.py": SICK if n % 2 else WELL for n in range(12)} | {"bad.py": "import torch\n(no_grad\n"}


def tasks(root: Path, names: Mapping[str, object] = FILES) -> list[Task]:
    return [(str(root / name), RULES) for name in sorted(names)]


def told(done: Done) -> list[tuple[str, int, list[str]]]:
    """Name, number of findings and failures of each file."""
    rows = [(Path(r.path).name, len(r.findings), [f.message for f in r.failures]) for r in done.results]
    return sorted(rows)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORTH_IT", 1)
    monkeypatch.setattr(workers, "_SMALLEST_BATCH", 1)
    monkeypatch.setattr(workers, "_LARGEST_BATCH", 200)


@pytest.mark.usefixtures("small_batches")
def test_many_processes_find_what_one_finds(write: Write) -> None:
    root = write(FILES)
    seen: list[int] = []
    many = examine_all(tasks(root), (root,), jobs=2, progress=seen.append)
    one = examine_here(tasks(root), (root,))
    assert told(many) == told(one)
    assert sum(len(result.findings) for result in many.results) == 6
    assert many.graph.keys() == one.graph.keys()
    assert seen == sorted(seen) and seen[-1] == len(FILES)
    assert multiprocessing.active_children() == []


def test_few_bytes_start_no_process(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(FILES)
    monkeypatch.setattr(workers, "_in_workers", lambda *args: pytest.fail("a process was started"))
    assert len(examine_all(tasks(root), (root,), jobs=8).results) == len(FILES)


@pytest.mark.usefixtures("small_batches")
def test_where_there_are_no_processes_this_one_does_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(FILES)

    def refused(*args: object) -> Done:
        raise OSError("no more processes")

    monkeypatch.setattr(workers, "_in_workers", refused)
    assert len(examine_all(tasks(root), (root,), jobs=2).results) == len(FILES)


def test_batches_hold_all_files_in_order_and_neighbours_together() -> None:
    paths: list[Task] = [(f"{n:03}", RULES) for n in range(100)]
    sizes = [1000 * (n % 7) for n in range(100)]
    batches = workers._batches(paths, sizes, jobs=2)
    assert [task for batch in batches for task in batch] == paths
    assert 3 < len(batches) < 20


# Run in a fresh process, whose workers die where they meet certain files.
DYING = """
    import os, sys
    from pathlib import Path
    from torchdoctor.project import workers
    from torchdoctor.project.workers import Task

    workers._WORTH_IT, workers._SMALLEST_BATCH, workers._LARGEST_BATCH = 1, 1, 250

    def mortal(tasks, roots):
        for path, _ in tasks:
            if Path(path).name in {deadly!r}:
                os.kill(os.getpid(), {signal!r})
        return whole(tasks, roots)

    whole, workers._examine_batch = workers._examine_batch, mortal
    if __name__ == "__main__":
        tasks = [(str(path), frozenset(["bare-grad-context"])) for path in sorted(Path({root!r}).rglob("*.py"))]
        done = workers.examine_all(tasks, (Path({root!r}),), jobs=2)
        for result in sorted(done.results, key=lambda result: result.path):
            print(Path(result.path).name, len(result.findings), *(f.message for f in result.failures))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills itself by a signal")
@pytest.mark.parametrize("deadly", [{"m3.py"}, {"m0.py", "m7.py"}, {f"m{n}.py" for n in range(12)}], ids=len)
def test_a_process_that_dies_takes_no_findings_with_it(write: Write, tmp_path: Path, deadly: set[str]) -> None:
    root = write(FILES)
    script = tmp_path.parent / f"dying{len(deadly)}.py"
    script.write_text(textwrap.dedent(DYING).format(deadly=deadly, signal=int(signal.SIGKILL), root=str(root)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) == len(FILES), "every file is told once"
    for row in rows:
        name, found, *why = row.split(" ", 2)
        if name in deadly:
            assert why == ["the process that looked at this file died; please report it"]
        elif name != "bad.py":
            assert (int(found), why) == (int(name[1:-3]) % 2, [])


SLOW = """
    import sys, time
    from pathlib import Path
    from torchdoctor.project import workers

    workers._WORTH_IT, workers._SMALLEST_BATCH, workers._LARGEST_BATCH = 1, 1, 250

    def slow(tasks, roots):
        print("at work", flush=True)
        time.sleep(60)

    workers._examine_batch = slow
    if __name__ == "__main__":
        from torchdoctor.faces.cli import main
        main(["lint", "--no-cache", "--isolated", "--jobs", "2", {root!r}])
"""


def heed_interrupts() -> None:
    """A shell starts its background jobs deaf to interrupts, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("to_all", [True, False], ids=["the whole group, as a terminal does", "the command alone"])
def test_an_interrupt_ends_it_at_once_and_quietly(write: Write, tmp_path: Path, to_all: bool) -> None:
    root = write(FILES)
    script = tmp_path.parent / f"slow{to_all}.py"
    script.write_text(textwrap.dedent(SLOW).format(root=str(root)))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "interrupted"
    assert time.monotonic() - began < 20
    with pytest.raises(ProcessLookupError):  # nobody of the group is left
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.1)


ALONE = """
    import sys
    from torchdoctor.project import workers
    import torchdoctor.project.examiner as examiner

    def slow(self, path, rules):
        print("at work", flush=True)
        while True:
            pass

    examiner.Examiner.examine = slow
    from torchdoctor.faces.cli import main
    main(["lint", "--no-cache", "--isolated", "--jobs", "1", {root!r}])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_an_interrupt_ends_a_run_in_one_process_too(write: Write, tmp_path: Path) -> None:
    root = write(FILES)
    script = textwrap.dedent(ALONE).format(root=str(root))
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, "interrupted")
