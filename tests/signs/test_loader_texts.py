"""What is told of failures that a test cannot bring about: loaders at a limit, spawned scripts, CUDA graphs."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.explained import unstylish_words
from torchdoctor.record import ExceptionRecord, Failure, ObjectRecord

BUS = (
    "DataLoader worker (pid 4711) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared "
    "memory. Please try to raise your shared memory limit."
)
RESIZE = (
    "Caught RuntimeError in DataLoader worker process 0.\nRuntimeError: Trying to resize storage that is not resizable"
)
MAIN = (
    "An attempt has been made to start a new process before the current process has finished its bootstrapping phase."
)
FILES = (
    "Too many open files. Communication with the workers is no longer possible. Please increase "
    "the limit using `ulimit -n`"
)
GRAPH = "Error: accessing tensor output of CUDAGraphs that has been overwritten by a subsequent run. Stack trace: ..."
HIT = (
    "torch._dynamo hit config.recompile_limit (8)\n   function: 'step' (train.py:12)\n   last reason: "
    "0/7: tensor 'x' size "
    "mismatch at index 0. expected 15, actual 16"
)

TEXTS = [
    ("RuntimeError", BUS, "worker-killed", "/dev/shm", "--ipc=host"),
    (
        "RuntimeError",
        "DataLoader worker (pid 4) is killed by signal: Killed.",
        "worker-killed",
        "memory",
        "fewer workers",
    ),
    ("RuntimeError", RESIZE, "ragged-samples", "several shapes", "num_workers=0"),
    ("RuntimeError", MAIN, "missing-main-guard", "from its top", "__main__"),
    ("RuntimeError", FILES, "too-many-open-files", "an open file", "file_system"),
    ("RuntimeError", "received 0 items of ancdata", "too-many-open-files", "an open file", "ulimit -n"),
    (
        "RuntimeError",
        "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned",
        "pinning-gpu-tensors",
        "`torch.cuda.FloatTensor`",
        "pin_memory=False",
    ),
    ("OnnxExporterError", "Module onnx is not installed!", "onnx-not-installed", "`onnx`", "pip install"),
    ("RuntimeError", GRAPH, "cudagraph-output-overwritten", "a later run", ".clone()"),
    ("Warning", HIT, "recompile-limit-hit", "compiled anew 8 times", "mark_dynamic"),
]


@pytest.mark.parametrize(("kind", "text", "rule", "message", "cure"), TEXTS)
def test_a_text_alone(kind: str, text: str, rule: str, message: str, cure: str) -> None:
    found = diagnose(Failure(ExceptionRecord(kind, text)))
    assert [finding.rule for finding in found] == [rule]
    assert message in found[0].message
    assert any(cure in one for one in found[0].cures), found[0].cures
    assert not list(unstylish_words(found[0]))


def test_the_number_of_workers_is_told_where_the_loader_is_known() -> None:
    loader = ObjectRecord("loader", "loader", "DataLoader", {"num_workers": 16})
    text = "DataLoader worker (pid 4) is killed by signal: Killed."
    found = diagnose(Failure(ExceptionRecord("RuntimeError", text, ("Exception",)), blame="torch", objects=(loader,)))
    assert any("fewer workers than 16" in cure for cure in found[0].cures)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ModuleNotFoundError", "No module named 'onnx'"),
        ("ModuleNotFoundError", "No module named 'project'"),
        ("AttributeError", "Can't pickle local object 'main.<locals>.<lambda>'"),
        ("UnpicklingError", "invalid load key, 'v'."),
        ("TypeError", "'Settings' object is not iterable"),
        ("TypeError", "object of type 'int' has no len()"),
        ("TypeError", "Dog.step() missing 1 required positional argument: 'far'"),
        ("RuntimeError", "context has already been set"),
        ("ZeroDivisionError", "division by zero"),
        ("KeyError", "'label'"),
        ("OSError", "[Errno 22] Invalid argument"),
        ("EOFError", "EOF when reading a line"),
        ("ConnectionResetError", "[Errno 104] Connection reset by peer"),
    ],
)
def test_what_others_say_as_well_is_left_alone(kind: str, text: str) -> None:
    assert not diagnose(Failure(ExceptionRecord(kind, text)))
