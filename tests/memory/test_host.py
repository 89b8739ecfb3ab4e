"""The machine's own memory: real refusals in processes of their own, limits that are read from files, pasted logs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.faces.programs import DOCTOR, run
from torchdoctor.diagnose import diagnose
from torchdoctor.explained import unstylish_words
from torchdoctor.memory_record import HostRecord, MemoryRecord
from torchdoctor.pasted import failures_in
from torchdoctor.probes.host import group_in, host_of
from torchdoctor.record import ExceptionRecord, Failure, ObjectRecord

RULE = "host-out-of-memory"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a limit on addresses holds on Linux")
LIMITED = """\
import resource
import torch
import numpy as np

size = next(int(row.split()[1]) << 10 for row in open("/proc/self/status") if row.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (size + (600 << 20), resource.getrlimit(resource.RLIMIT_AS)[1]))
"""
# What fails, the exception, a part of the explanation.
REFUSALS = {
    "a batch of images": (
        "images = torch.zeros(400, 3, 512, 512)\nwide = images.repeat(2, 1, 1, 1)\n",
        "RuntimeError",
        ("`ulimit -v` holds this process to", "this process holds"),
    ),
    "a product": (
        "a, b = torch.zeros(30_000, 8), torch.zeros(8, 30_000)\nscores = a @ b\n",
        "RuntimeError",
        ("`a @ b` makes (30000, 30000) float32 = 3.35 GiB", "`ulimit -v`"),
    ),
    "a column and a row": (
        "predicted, target = torch.zeros(40_000, 1), torch.zeros(40_000)\nloss = (predicted - target).square()\n",
        "RuntimeError",
        ("`predicted` (40000, 1) and `target` (40000,) make a tensor of 5.96 GiB", "squeeze(1)"),
    ),
    "a layer": (
        "model = torch.nn.Linear(64, 20_000)\nout = model(torch.zeros(20_000, 64))\n",
        "RuntimeError",
        ("makes (20000, 20000) float32 = 1.49 GiB",),
    ),
    "an array": (
        "rows = np.zeros((100_000, 3_000))\n",
        "_ArrayMemoryError",
        ("2.24 GiB were asked for at once", "`ulimit -v`"),
    ),
    "outputs that are kept with their graphs": (
        "from torchdoctor.probes import reserve\nreserve.set_aside()\n"
        "net = torch.nn.Sequential(torch.nn.Linear(256, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 10))\n"
        "def evaluate():\n    outs = []\n    while True:\n        outs.append(net(torch.zeros(512, 256)))\n"
        "evaluate()\n",
        "RuntimeError",
        ("`outs` keeps", "and the graphs behind them", "`.detach()` on what goes into `outs`", "`ulimit -v`"),
    ),
    "a list of Python's": (
        "rows = []\nwhile True:\n    rows.append(bytearray(32 << 20))\n",
        "MemoryError",
        ("no memory is left for one more object of Python's", "`ulimit -v`", "this process holds"),
    ),
}


@LINUX
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_explained(name: str, tmp_path: Path) -> None:
    program, kind, told = REFUSALS[name]
    (tmp_path / "train.py").write_text(LIMITED + program)
    ours = run([*DOCTOR, "--report", "report.json", "train.py"], tmp_path)
    assert (ours.code, ours.out) == (1, "")
    traceback, _, explanation = ours.err.partition(f"\nerror[{RULE}]: ")
    assert explanation, ours.err
    assert traceback.splitlines()[-1].split(":")[0].endswith(kind)
    flat = " ".join(explanation.split())
    for text in told:
        assert text in flat, explanation
    report = json.loads((tmp_path / "report.json").read_text())
    host = report["failure"]["memory"]["host"]
    assert host["address_limit"] > host["rss"] > 0 and host["total"] > 0
    assert [one["rule"] for one in report["findings"]] == [RULE]


def test_this_process_is_seen() -> None:
    host = host_of()
    if sys.platform == "linux":
        assert host.rss is not None and host.total is not None and host.rss < host.total
        assert host.peak is not None and host.peak >= host.rss * 0.9


def write(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_the_limits_of_both_kinds_of_control_groups(tmp_path: Path) -> None:
    second = write(
        tmp_path / "2",
        {
            "cgroup.controllers": "memory\n",
            "job/memory.max": "1073741824\n",
            "job/memory.current": "1000000000\n",
            "job/memory.events": "low 0\noom 3\noom_kill 2\n",
            "job/step/memory.max": "max\n",
        },
    )
    assert group_in([["0", "", "/job/step"]], second) == (2, 1 << 30, 1_000_000_000, 2)
    first = write(
        tmp_path / "1",
        {
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/docker/abc/memory.limit_in_bytes": "536870912\n",
            "memory/docker/abc/memory.usage_in_bytes": "500000000\n",
            "memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        },
    )
    assert group_in([["4", "memory", "/docker/abc"]], first) == (1, 1 << 29, 500_000_000, 1)
    assert group_in([["4", "memory", "/docker/xyz"]], first) == (1, None, None, None), "no limit but the machine"
    inside = write(tmp_path / "3", {"cgroup.controllers": "memory", "memory.max": "256\n", "memory.current": "200\n"})
    assert group_in([["0", "", "/../elsewhere"]], inside)[1] == 256, "in a container its root is the group"
    assert group_in([["1", "cpu", "/"], ["x"]], inside) == (0, None, None, None)


def told(host: HostRecord, requested: int = 8 << 30, **more: object) -> str:
    memory = MemoryRecord(device="cpu", requested=requested, host=host)
    text = f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {requested} bytes"
    said = ExceptionRecord("RuntimeError", text)
    failure = Failure(said, origin="live", blame="torch", memory=memory, **more)  # type: ignore[arg-type]
    (found,) = diagnose(failure)
    assert found.rule == RULE and not list(unstylish_words(found))
    return "\n".join((found.message, *found.evidence, *found.cures))


def test_what_is_short_decides_what_is_told() -> None:
    gib = 1 << 30
    machine = HostRecord(total=64 * gib, available=3 * gib, rss=2 * gib)
    assert "the machine has 64 GiB, of which 3 GiB can be had now" in told(machine)
    job = HostRecord(total=512 * gib, available=300 * gib, cgroup=2, limit=32 * gib, used=30 * gib, kills=2)
    assert "the control group may have 32 GiB, and 30 GiB of it are taken" in told(job)
    assert "sbatch --mem" in told(job) and "killed for memory 2 times" in told(job)
    loader = ObjectRecord("loader", "loader", "DataLoader", {"num_workers": 8})
    workers = HostRecord(total=64 * gib, available=3 * gib, rss=2 * gib, children=8, children_rss=50 * gib)
    assert "`num_workers=4` instead of 8" in told(workers, objects=(loader,))
    assert "/dev/shm has 64 MiB" in told(
        HostRecord(total=64 * gib, available=gib, shared=64 << 20, shared_free=1 << 20)
    )
    assert "look at the sizes" in told(machine, requested=1 << 44)


KILLED = {
    "a shell": "Epoch 3: 45%|####5     | 45/100\nKilled\n",
    "a script": "loading\n./run.sh: line 3: 48213 Killed                  python train.py --epochs 3\n",
    "torchrun": (
        "ChildFailedError:\n  rank      : 3 (local_rank: 3)\n  exitcode  : -9 (pid: 48213)\n"
        "  traceback : Signal 9 (SIGKILL) received by PID 48213\n"
    ),
    "docker": "train-1 exited with code 137\n",
    "make": "make: *** [train] Error: exit status 137\n",
    "slurm": "slurmstepd: error: Detected 1 oom_kill event in StepId=573.batch.\n",
    "kubernetes": "State: Terminated\n  Reason: OOMKilled\n  Exit Code: 137\n",
    "the kernel": (
        "[12345.6] Out of memory: Killed process 4242 (python) total-vm:73400320kB, anon-rss:62914560kB, file-rss:0kB\n"
    ),
    "a control group": "Memory cgroup out of memory: Killed process 42 (python) total-vm:1kB, anon-rss:88608kB\n",
}


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_process_is_told_from_its_log(name: str) -> None:
    found = [finding for failure in failures_in(KILLED[name]) for finding in diagnose(failure)]
    assert found and {one.rule for one in found} == {"killed-for-memory"}, found
    assert not list(unstylish_words(found[0]))
    if name == "the kernel":
        assert "`python` was killed as it held 60 GiB" in found[0].message


@pytest.mark.parametrize(
    "log",
    [
        "Killed 3 stale workers before the start\nall well\n",
        '"OOMKilled": false,\n"ExitCode": 0\n',
        "INFO exit code 0\n",
        "the process was killed by the user\n",
    ],
)
def test_a_log_that_tells_of_no_kill(log: str) -> None:
    assert not [finding for failure in failures_in(log) for finding in diagnose(failure)]


def test_a_traceback_goes_before_what_killed_the_others() -> None:
    log = (
        'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    a @ b\n'
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)\nKilled\n"
    )
    (failure,) = failures_in(log)
    assert failure.exception.type == "RuntimeError"


FULL, NO_ROOM = "No space left on device (28)", "a tensor found no room in /dev/shm"
SHARED = {
    f"unable to allocate shared memory(shm) for file </torch_12_345_0>: {FULL}": NO_ROOM,
    f"unable to open shared memory object </torch_12_345> in read-write mode: {FULL}": NO_ROOM,
    f"unable to write to file </torch_18692_1954506624>: {FULL}": NO_ROOM,
    "unable to resize file </torch_12_345_0> to the right size: File too large (27)": "than this process may make",
    "unable to allocate shared memory(shm) for file </torch_12_345_0>: Cannot allocate memory (12)": "has no memory",
}


@pytest.mark.parametrize(("text", "told"), SHARED.items())
def test_no_room_for_shared_memory_in_all_its_words(text: str, told: str) -> None:
    (found,) = diagnose(Failure(ExceptionRecord("RuntimeError", text)))
    assert found.rule == "shared-memory-full" and told in found.message


@pytest.mark.parametrize(
    "text",
    [
        "unable to open shared memory object </torch_12_345> in read-write mode: Permission denied (13)",
        "unable to open shared memory object </torch_12_345> in read-write mode: No such file or directory (2)",
        "unable to resize file </data/rows.bin> to the right size: No space left on device (28)",
        "unable to mmap 0 bytes from file <rows.bin>: Invalid argument (22)",
    ],
)
def test_other_reasons_are_not_taken_for_want_of_room(text: str) -> None:
    rules = [found.rule for found in diagnose(Failure(ExceptionRecord("RuntimeError", text)))]
    assert not {"shared-memory-full", "mapping-refused"} & set(rules)


def test_a_worker_s_own_words_on_a_bus_error() -> None:
    text = (
        "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\n"
    )
    (failure,) = failures_in("epoch 1\n" + text)
    assert [found.rule for found in diagnose(failure)] == ["shared-memory-full"]


MAPS = "unable to mmap 602112 bytes from file </torch_12_345_0>: Cannot allocate memory (12)"


@pytest.mark.parametrize(
    ("host", "told", "cure"),
    [
        (HostRecord(maps=65_000, maps_limit=65_530), "it has 65,000 maps already, and may have 65,530", "clone()"),
        (HostRecord(address_limit=4 << 30, virtual=4 << 30), "`ulimit -v` holds this process to 4 GiB", "ulimit -v"),
        (HostRecord(maps=300, maps_limit=65_530), "it may have no more maps, or no more addresses", "clone()"),
        (None, "it may have no more maps, or no more addresses", "clone()"),
    ],
)
def test_what_a_map_was_refused_for(host: HostRecord | None, told: str, cure: str) -> None:
    memory = MemoryRecord(device="cpu", host=host) if host is not None else None
    (found,) = diagnose(Failure(ExceptionRecord("RuntimeError", MAPS), memory=memory))
    assert found.rule == "mapping-refused" and told in found.message and cure in found.cures[0]
    assert not list(unstylish_words(found))


@LINUX
def test_a_checkpoint_that_cannot_be_mapped(tmp_path: Path) -> None:
    program = 'torch.save(torch.zeros(250_000_000, dtype=torch.uint8), "big.pt")\n' + LIMITED.replace("600", "100")
    (tmp_path / "train.py").write_text("import torch\n" + program + 'state = torch.load("big.pt", mmap=True)\n')
    ours = run([*DOCTOR, "train.py"], tmp_path)
    flat = " ".join(ours.err.split())
    assert "error[mapping-refused]: `big.pt`, 238.4 MiB of it, could not be mapped" in flat and "ulimit -v" in flat


@LINUX
def test_the_maps_of_a_process_are_counted() -> None:
    host = host_of()
    assert host.maps is not None and host.maps > 10 and host.maps_limit is not None


@pytest.mark.parametrize("kind", ["RuntimeError", "OSError"])
def test_no_memory_in_the_system_s_words(kind: str) -> None:
    text = "std::bad_alloc" if kind == "RuntimeError" else "[Errno 12] Cannot allocate memory"
    (found,) = diagnose(Failure(ExceptionRecord(kind, text)))
    assert found.rule == RULE


def test_a_machine_with_plenty_has_not_refused_it_but_the_limit_has() -> None:
    """What was taken as it was refused has been given back by the time that it is looked at."""
    host = HostRecord(total=64 << 30, available=40 << 30, virtual=1 << 30, address_limit=4 << 30, rss=1 << 30)
    memory = MemoryRecord(device="cpu", requested=512 << 20, host=host)
    text = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 536870912 bytes."
    (found,) = diagnose(Failure(ExceptionRecord("RuntimeError", text), memory=memory))
    assert "`ulimit -v` holds this process to 4 GiB of addresses, and 1 GiB are taken still" in found.message
    assert "ulimit -v unlimited" in found.cures[0]


@LINUX
def test_addresses_are_set_aside_under_a_limit_only(tmp_path: Path) -> None:
    program = "from torchdoctor.probes import reserve\nprint(sum(map(len, reserve._aside)))\nreserve.give_up()\n"
    (tmp_path / "train.py").write_text(program + "print(sum(map(len, reserve._aside)))\n")
    assert run([*DOCTOR, "train.py"], tmp_path).out == "0\n0\n"
    limited = ["bash", "-c", 'ulimit -v 1000000; exec "$@"', "bash", *DOCTOR, "train.py"]
    assert run(limited, tmp_path).out == f"{1_000_000 * 1024 // 16}\n0\n"
