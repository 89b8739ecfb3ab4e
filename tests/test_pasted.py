"""What people paste, read back: terminals, logs of many ranks, notebooks, pytest, worker processes, and rubbish."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchdoctor.diagnose import diagnose
from torchdoctor.pasted import failures_in, retold
from torchdoctor.pasted.packages import package_of
from torchdoctor.record import Failure

TERMINAL = """\
Epoch 1:   3%|▎         | 3/100
Traceback (most recent call last):
  File "/data/ada/train.py", line 20, in <module>
    main()
  File "/data/ada/train.py", line 12, in main
    loss = model(images)
           ^^^^^^^^^^^^^
  File "/opt/env/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1773, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/data/ada/model.py", line 41, in forward
    return self.head(x.flatten(1))
  File "/opt/env/lib/python3.11/site-packages/torch/nn/modules/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x1152 and 2048x64)
"""
SAID = "mat1 and mat2 shapes cannot be multiplied (32x1152 and 2048x64)"


def one(text: str) -> Failure:
    (failure,) = failures_in(text)
    return failure


def the_linear(text: str) -> Failure:
    """The failure of TERMINAL, in whatever dress."""
    failure = one(text)
    assert (failure.exception.type, failure.message, failure.origin) == ("RuntimeError", SAID, "text")
    assert failure.user is not None
    assert (Path(failure.user.path).name, failure.user.line) == ("model.py", 41)
    assert failure.user.text == "return self.head(x.flatten(1))"
    return failure


# -- one failure, in all its dresses -----------------------------------------------------------------------------------


def test_what_the_interpreter_prints() -> None:
    failure = the_linear(TERMINAL)
    assert [(f.line, f.function, f.package) for f in failure.frames] == [
        (20, "<module>", ""),
        (12, "main", ""),
        (1773, "_wrapped_call_impl", "torch"),
        (41, "forward", ""),
        (125, "forward", "torch"),
    ]
    assert failure.frames[-1].text == "return F.linear(input, self.weight, self.bias)"
    assert failure.blame == "torch" and failure.rank is None and failure.worker is None


@pytest.mark.parametrize(
    "prefix",
    ["[rank3]: ", "[rank3]:", "[default3]:", "[default3]:[rank3]: ", "[trainer3]: ", "3: ", " 3: ", "[1,3]<stderr>:",
     "2024-05-01 12:00:00,123 [rank3]: ", "[2024-05-01 12:00:00] [rank3]: ", "2024-05-01T12:00:00.1234567Z [rank3]: ",
     "\x1b[36m(Worker pid=77, rank=3)\x1b[0m "],
)  # fmt: skip
def test_a_rank_s_prefix(prefix: str) -> None:
    text = "".join(f"{prefix}{line}\n" for line in TERMINAL.splitlines())
    assert the_linear(text).rank == 3


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-05-01T12:00:00.1234567Z ",
        "worker_1  | ",
        "pod/train-0 main ",
        "> ",
        "    ",
        "\t",
        "E0501 12:00:00.123000 77 x.py:3] ",
    ],
)
def test_a_prefix_that_names_no_rank(prefix: str) -> None:
    assert the_linear("".join(f"{prefix}{line}\n" for line in TERMINAL.splitlines())).rank is None


def test_line_ends_and_colours() -> None:
    the_linear(TERMINAL.replace("\n", "\r\n"))
    the_linear(TERMINAL.replace("RuntimeError", "\x1b[1;35mRuntimeError\x1b[0m").replace("41", "\x1b[35m41\x1b[0m"))
    the_linear(TERMINAL.replace("Traceback", "  9%|#\rTraceback"))


def test_a_head_that_is_cut_off() -> None:
    assert len(the_linear("\n".join(TERMINAL.splitlines()[4:])).frames) == 4
    assert len(the_linear("\n".join(TERMINAL.splitlines()[5:])).frames) == 3


def test_without_indentation() -> None:
    the_linear("\n".join(line.strip() for line in TERMINAL.splitlines()))


def test_what_follows_is_not_part_of_it() -> None:
    for after in (
        "wandb: run failed",
        "(env) ada@box:~$ ls",
        "=" * 80,
        "\nsome other line",
        "srun: error: x",
        "INFO: y",
    ):
        the_linear(f"{TERMINAL}{after}\nmore\n")


def test_frozen_interpreters_and_deep_recursion() -> None:
    text = 'Traceback (most recent call last):\n  File "<frozen runpy>", line 198, in _run_module_as_main\n' + (
        '  File "a.py", line 2, in f\n    f()\n  [Previous line repeated 996 more times]\n'
        "RecursionError: maximum recursion depth exceeded\n"
    )
    failure = one(text)
    assert [f.package for f in failure.frames] == ["python", ""] and failure.exception.type == "RecursionError"


IPYTHON_OLD = f"""\
---------------------------------------------------------------------------
RuntimeError                              Traceback (most recent call last)
<ipython-input-7-0c1d> in <module>
      1 for images, labels in loader:
----> 2     loss = model(images)

~/project/model.py in forward(self, x)
     39         x = self.features(x)
     40
---> 41         return self.head(x.flatten(1))
     42

~/env/lib/python3.8/site-packages/torch/nn/modules/linear.py in forward(self, input)
    124     def forward(self, input: Tensor) -> Tensor:
--> 125         return F.linear(input, self.weight, self.bias)

RuntimeError: {SAID}
"""
IPYTHON_NEW = f"""\
---------------------------------------------------------------------------
RuntimeError                              Traceback (most recent call last)
Cell In[7], line 2
      1 for images, labels in loader:
----> 2     loss = model(images)

File ~/env/lib/python3.11/site-packages/torch/nn/modules/module.py:1773, in Module._wrapped_call_impl(self, *args)
   1771     return self._compiled_call_impl(*args, **kwargs)  # type: ignore[misc]
   1772 else:
-> 1773     return self._call_impl(*args, **kwargs)

File ~/project/model.py:41, in Net.forward(self, x)
     39 x = self.features(x)
---> 41 return self.head(x.flatten(1))

RuntimeError: {SAID}
"""
RICH = f"""\
╭─────────────────────────────── Traceback (most recent call last) ────────────────────────────────╮
│ /data/ada/train.py:12 in main                                                                    │
│                                                                                                  │
│   11 │   for images in loader:                                                                   │
│ ❱ 12 │   │   loss = model(images)                                                                │
│                                                                                                  │
│ /data/ada/model.py:41 in forward                                                                 │
│                                                                                                  │
│   40 │   │                                                                                       │
│ ❱ 41 │   │   return self.head(x.flatten(1))                                                      │
│   42                                                                                             │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
RuntimeError: {SAID}
"""
PYTEST = f"""\
=================================== FAILURES ===================================
__________________________________ test_model __________________________________

    def test_model():
        net = Net()
>       net(torch.zeros(32, 3, 24, 24))

tests/test_model.py:9:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

self = Net()

    def forward(self, x):
>       return self.head(x.flatten(1))

model.py:41:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

>       return F.linear(input, self.weight, self.bias)
E       RuntimeError: {SAID}

/opt/env/lib/python3.11/site-packages/torch/nn/modules/linear.py:125: RuntimeError
=========================== short test summary info ============================
FAILED tests/test_model.py::test_model - RuntimeError: mat1 and mat2 shapes c...
============================== 1 failed in 0.32s ===============================
"""
PYTEST_SHORT = f"""\
__________________________________ test_model __________________________________
tests/test_model.py:9: in test_model
    net(torch.zeros(32, 3, 24, 24))
model.py:41: in forward
    return self.head(x.flatten(1))
E   RuntimeError: {SAID}
"""


@pytest.mark.parametrize("text", [IPYTHON_OLD, IPYTHON_NEW, RICH, PYTEST, PYTEST_SHORT])
def test_other_layouts(text: str) -> None:
    failure = the_linear(text)
    assert len(failure.frames) >= 2


def test_the_cell_of_a_notebook_is_the_user_s() -> None:
    text = IPYTHON_NEW.split("\nFile ")[0] + f"\n\nRuntimeError: {SAID}"
    user = one(text).user
    assert user is not None and (user.path, user.line, user.text) == ("In[7]", 2, "loss = model(images)")


# -- chains, groups, other processes -----------------------------------------------------------------------------------


def test_chains() -> None:
    for link in (
        "The above exception was the direct cause of the following exception:",
        "During handling of the above exception, another exception occurred:",
    ):
        second = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nKeyError: 3\n'
        text = f"{TERMINAL}\n{link}\n\n{second}"
        failure = one(text)
        assert failure.exception.type == "KeyError" and [c.message for c in failure.causes] == [SAID]


DATALOADER = """\
Traceback (most recent call last):
  File "train.py", line 9, in <module>
    for batch in loader:
  File "/env/lib/python3.10/site-packages/torch/_utils.py", line 722, in reraise
    raise exception
RuntimeError: Caught RuntimeError in DataLoader worker process 2.
Original Traceback (most recent call last):
  File "/env/lib/python3.10/site-packages/torch/utils/data/_utils/worker.py", line 351, in _worker_loop
    data = fetcher.fetch(index)  # type: ignore[possibly-undefined]
  File "data.py", line 30, in __getitem__
    return torch.stack(crops)
RuntimeError: stack expects each tensor to be equal size, but got [3, 8, 8] at entry 0 and [3, 8, 7] at entry 1
[torchdoctor] sample index 17

"""


def test_a_worker_s_text() -> None:
    failure = one(DATALOADER)
    assert failure.message.startswith("stack expects each tensor") and failure.message.endswith("at entry 1")
    assert failure.worker == 2 and failure.exception.notes == ("sample index 17",)
    assert failure.user is not None and (failure.user.path, failure.user.line) == ("data.py", 30)
    assert failure.frames[0].path == "train.py"


def test_the_same_out_of_an_exception_s_text() -> None:
    message = DATALOADER.partition("RuntimeError: ")[2]
    failure = retold(message)
    assert failure is not None and failure.worker == 2 and failure.exception.notes == ("sample index 17",)
    assert failure.message.endswith("at entry 1") and failure.user is not None and failure.user.path == "data.py"
    within = message.replace(
        "Original Traceback (most recent call last):\n",
        "Original Traceback (most recent call last):\n"
        '  File "train.py", line 3, in f\n    d["x"]\nKeyError: 3\n\n'
        "During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n",
    )
    failure = retold(within)
    assert failure is not None and failure.message.endswith("at entry 1")
    assert [cause.exception.type for cause in failure.causes] == ["KeyError"]
    assert retold("") is None and retold(SAID) is None and retold("Original Traceback (most recent call last):") is None


def test_a_spawned_process() -> None:
    failure = one(
        "Traceback (most recent call last):\n"
        '  File "a.py", line 30, in <module>\n    mp.spawn(work, nprocs=2)\n'
        "torch.multiprocessing.spawn.ProcessRaisedException: \n\n"
        "-- Process 1 terminated with the following error:\n"
        "Traceback (most recent call last):\n"
        '  File "/env/lib/python3.11/site-packages/torch/multiprocessing/spawn.py", line 88, in _wrap\n'
        "    fn(i, *args)\n"
        '  File "/data/ada/a.py", line 12, in work\n    y = a @ b\n'
        f"RuntimeError: {SAID}\n"
    )
    assert (failure.exception.type, failure.message, failure.rank) == ("RuntimeError", SAID, 1)


def test_compiled_code_names_the_user_s_line() -> None:
    failure = one(
        "Traceback (most recent call last):\n"
        '  File "a.py", line 6, in <module>\n    f(x, y)\n'
        '  File "/env/lib/python3.11/site-packages/torch/_dynamo/exc.py", line 723, in unimplemented\n'
        "    raise Unsupported(\n"
        "torch._dynamo.exc.TorchRuntimeError: RuntimeError when making fake tensor call\n"
        "  Explanation: Dynamo failed to run FX node with fake tensors\n\n"
        "  Developer debug context: \n\n"
        "from user code:\n"
        '   File "a.py", line 5, in f\n    return c @ b\n           ^^^^^\n\n'
        "Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace\n"
    )
    assert failure.compiled and failure.blame == "torch" and failure.exception.is_a("RuntimeError")
    assert failure.user is not None and (failure.user.line, failure.user.text) == (5, "return c @ b")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups are of Python 3.11")
def test_groups_as_this_python_prints_them() -> None:
    code = "raise ExceptionGroup('many', [ValueError('a'), ExceptionGroup('in', [RuntimeError('b'), TypeError('c')])])"
    failure = one(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr)
    assert failure.exception.type == "ExceptionGroup"
    assert [c.exception.type for c in failure.causes] == ["ValueError", "ExceptionGroup", "RuntimeError", "TypeError"]


def test_texts_of_many_lines() -> None:
    said = (
        'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc.weight". \n'
        "\tsize mismatch for a: copying a param with shape torch.Size([2]) from checkpoint."
    )
    text = f'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    x()\nRuntimeError: {said}\n'
    assert one(text).message == said


def test_what_no_python_code_caught() -> None:
    text = (
        "terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: out of memory\nAborted\n"
    )
    failure = one(text)
    assert failure.exception.type == "Error" and failure.exception.is_a("RuntimeError")
    assert failure.message == "CUDA error: out of memory"


def test_nccl_s_watchdog() -> None:
    row = (
        "[E ProcessGroupNCCL.cpp:458] [Rank {rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum={n})"
    )
    text = "\n".join(row.format(rank=rank, n=n) for rank, n in ((0, 5), (0, 6), (7, 4)))
    found = failures_in("Epoch 0: 6%|█ | 3/50" + text)
    assert [(f.exception.type, f.rank) for f in found] == [("DistBackendError", 0), ("DistBackendError", 7)]
    assert found[0].message == "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)"


def test_a_device_assertion_is_kept() -> None:
    text = (
        "/pytorch/aten/src/ATen/native/cuda/Loss.cu:245: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], "
        "thread: [3,0,0] Assertion `t >= 0 && t < n_classes` failed.\n" + TERMINAL.replace(SAID, "CUDA error: x")
    )
    assert one(text).environment["assertion"] == "t >= 0 && t < n_classes"


# -- messages and logs -------------------------------------------------------------------------------------------------


def test_as_people_write_it_into_issues() -> None:
    for text in (
        f"RuntimeError:{SAID}",
        f"**RuntimeError: {SAID}**",
        f"> RuntimeError: {SAID}",
        f"`RuntimeError: {SAID}`",
    ):
        failure = one(f"it says\n{text}\n\nand what now?")
        assert (failure.exception.type, failure.message) == ("RuntimeError", SAID), text
    assert SAID in one(f"why do I always get RuntimeError: {SAID} here").message
    place = "File ~/project/model.py:41"
    assert place in IPYTHON_NEW
    linked = place.replace("~/project/model.py:41", "[~/project/model.py:41](http://host:8890/lab/~/model.py#line=40)")
    the_linear(IPYTHON_NEW.replace(place, linked))
    the_linear(TERMINAL.replace('  File "/data/ada/model', 'File "/data/ada/model'))


def test_a_message_alone() -> None:
    assert one(f"RuntimeError: {SAID}").exception.type == "RuntimeError"
    assert one(f"torch.OutOfMemoryError: {SAID}").exception.qualified == "torch.OutOfMemoryError"
    bare = one(f"{SAID}\n")
    assert (bare.exception.type, bare.message) == ("", SAID) and bare.exception.is_a("RuntimeError")
    assert failures_in("") == [] == failures_in(" \n\n")


def test_the_rank_that_failed_first_comes_first() -> None:
    def rank(number: int, time: str, said: str) -> str:
        text = TERMINAL.replace(SAID, said)
        return "".join(f"{time} [rank{number}]: {line}\n" for line in text.splitlines()[1:])

    late = rank(0, "2024-05-01 12:00:09", "first")
    early = rank(1, "2024-05-01 12:00:03", "second")
    assert [f.rank for f in failures_in(late + early)] == [1, 0]
    aftermath = rank(0, "2024-05-01 12:00:01", "Connection closed by peer [127.0.0.1]:34")
    assert [f.rank for f in failures_in(aftermath + early)] == [1, 0]
    verdict = "Root Cause (first observed failure):\n[0]:\n  time : x\n  rank      : 0 (local_rank: 0)\n"
    assert [f.rank for f in failures_in(late + early + verdict)] == [0, 1]


def test_interleaved_ranks_are_kept_apart() -> None:
    rows = [f"[rank{rank}]: {line}" for line in TERMINAL.splitlines()[1:] for rank in (0, 1)]
    found = failures_in("\n".join(rows))
    assert [f.rank for f in found] == [0, 1] and all(len(f.frames) == 5 for f in found)


def test_the_launcher_s_own_failure_is_left_out() -> None:
    launcher = (
        "Traceback (most recent call last):\n"
        '  File "/env/bin/torchrun", line 8, in <module>\n    sys.exit(main())\n'
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n" + "=" * 60 + "\ntrain.py FAILED\n"
    )
    the_linear(TERMINAL + launcher)
    assert one(launcher).exception.type == "ChildFailedError"


def test_several_failures_of_one_log() -> None:
    other = TERMINAL.replace(SAID, "another")
    assert [f.message for f in failures_in(TERMINAL + "\nnext\n" + other + "\n" + other)] == [SAID, "another"]


def test_a_log_without_a_failure() -> None:
    assert failures_in("\n".join(f"step {n} loss 0.5" for n in range(100))) == []


# -- any text ----------------------------------------------------------------------------------------------------------

WHOLE = [TERMINAL, DATALOADER, IPYTHON_OLD, IPYTHON_NEW, RICH, PYTEST, PYTEST_SHORT]
ROWS = [
    *sorted({row for text in WHOLE for row in text.splitlines()}),
    "During handling of the above exception, another exception occurred:",
    "  + Exception Group Traceback (most recent call last):", "  +-+---------------- 1 ----------------",
    "    +------------------------------------", "  | ", "from user code:", 
    "terminate called after throwing an instance of 'x'",
    "-- Process 1 terminated with the following error:", "[rank1]: ", "E", "  what():  ", "\x1b[0m", "\0", "\u2028",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(ROWS), st.text(max_size=30)), max_size=30),
    st.sampled_from(["", "[rank1]: ", "x | "]),
)
def test_any_rows_give_a_list(rows: list[str], prefix: str) -> None:
    for failure in failures_in("\n".join(prefix + row for row in rows)):
        assert failure.exception.type or failure.message or failure.frames
        assert all(frame.line >= 0 and frame.path for frame in failure.frames)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_gives_a_list(text: str) -> None:
    assert isinstance(failures_in(text), list)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_any_part_of_a_text_gives_a_list(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert isinstance(failures_in(text[start:end]), list)


def test_a_large_log_takes_no_longer_than_its_length() -> None:
    import time

    text = "".join(f"2024-05-01 12:00:00,123 step {n} loss 0.5\n" for n in range(40_000)) + TERMINAL
    began = time.perf_counter()
    the_linear(text)
    the_linear("|" * 100_000 + "\n" + " " * 100_000 + "\n" + "a." * 50_000 + "\n" + TERMINAL)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("/data/ada/train.py", ""), ("train.py", ""), ("<stdin>", ""), ("In[7]", ""),
        ("/data/lib/torch_things/a.py", ""),
        ("/e/lib/python3.11/site-packages/torch/nn/modules/linear.py", "torch"),
        ("/usr/lib/python3/dist-packages/numpy/core/x.py", "numpy"), ("/e/site-packages/six.py", "six"),
        (r"C:\env\Lib\site-packages\torchvision\ops.py", "torchvision"),
        ("/usr/lib/python3.10/threading.py", "python"),
        ("/usr/lib/python3.10/multiprocessing/process.py", "python"), (r"C:\Python310\lib\runpy.py", "python"),
        (r"C:\Users\ada\anaconda3\envs\e\lib\multiprocessing\spawn.py", "python"), (r"D:\work\lib\train.py", ""),
        (r"C:\Users\ada\lib\models\net.py", ""), (r"\\server\share\train.py", ""),
        ("/data/ada/pytorch/torch/nn/modules/linear.py", "torch"), ("<frozen importlib._bootstrap>", "python"),
        ("/var/torchinductor_ada/ab/cabc.py", "torch"), ("<eval_with_key>.3", "torch"), ("/env/bin/torchrun", "torch"),
    ],
)  # fmt: skip
def test_whose_a_file_is(path: str, package: str) -> None:
    assert package_of(path) == package


def test_reading_loads_nothing_heavy() -> None:
    code = "import sys, torchdoctor.pasted; print({'torch', 'libcst', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", textwrap.shorten(done.stderr, 500)


@pytest.mark.parametrize(
    "message",
    [
        "RuntimeError: shape '[99999999999999, 999983]' is invalid for input of size 9999999999999937",
        "ValueError: num_channels (99999999999999937) must be divisible by num_groups (32)",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (99999999999x99999999999937 and 99999999999x1)",
        "RuntimeError: The expanded size of the tensor (3) must match the existing size (4) at non-singleton "
        f"dimension 0.  Target sizes: [{', '.join(['3'] * 40)}].  Tensor sizes: [{', '.join(['4'] * 20)}]",
    ],
)
def test_numbers_without_measure_are_not_counted_up_to(message: str) -> None:
    assert [found for failure in failures_in(message) for found in diagnose(failure)]
