"""``torchdoctor explain -`` and ``torchdoctor explain``: failures that are told by text, and crashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faces.conftest import Command, Write
from tests.faces.programs import DOCTOR, PLAIN, ROOT, run
from torchdoctor.faces import crashes

SAID = (
    "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
    "contiguous subspaces). Use .reshape(...) instead."
)
RULE = "view-on-noncontiguous"
TEXT = f"""\
Traceback (most recent call last):
  File "/data/ada/train.py", line 12, in <module>
    loss = model(x).sum()
  File "/data/ada/model.py", line 41, in forward
    return moved.view(x.shape[0], -1)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: {SAID}
"""
OTHER = 'Traceback (most recent call last):\n  File "/data/ada/train.py", line 3, in f\n    d["x"]\nKeyError: \'x\'\n'


def ranks(text: str, *numbers: int) -> str:
    return "".join(f"[rank{number}]: {line}\n" for number in numbers for line in text.splitlines())


def test_a_traceback(command: Command, write: Write) -> None:
    write({})
    result = command("explain", "-", stdin=TEXT)
    assert result.exit_code == 0 and result.stderr == ""
    rows = result.stdout.splitlines()
    assert rows[0].startswith("RuntimeError: view size is not") and rows[0].endswith("...")
    assert rows[1].startswith(f"error[{RULE}]: ")
    assert "  --> /data/ada/model.py:41:8" in rows and "41 | return moved.view(x.shape[0], -1)" in rows
    assert rows[-1] == f"   = torchdoctor explain {RULE}"


def test_the_file_as_it_is_here_is_shown_where_it_is_the_one_that_ran(command: Command, write: Write) -> None:
    root = write({"model.py": "\n" * 40 + "        return moved.view(x.shape[0], -1)\n"})
    out = command("explain", "-", stdin=TEXT.replace("/data/ada", str(root))).stdout
    assert " --> model.py:41:16" in out and "41 |         return moved.view" in out
    write({"model.py": "changed\n" * 50})
    out = command("explain", "-", stdin=TEXT.replace("/data/ada", str(root))).stdout
    assert "41 | return moved.view" in out and "changed" not in out


def test_a_message_alone(command: Command) -> None:
    for text in (SAID, f"RuntimeError: {SAID}"):
        result = command("explain", "-", stdin=text)
        assert result.exit_code == 0 and f"error[{RULE}]" in result.stdout


def test_ranks_that_failed_alike_are_told_once(command: Command) -> None:
    out = command("explain", "-", stdin=ranks(TEXT, 0, 1, 2, 3)).stdout
    assert out.count(RULE) == 2 and "ranks 0 to 3" in out


def test_what_is_known_is_told_before_what_is_not(command: Command) -> None:
    result = command("explain", "-", stdin=OTHER + "\n" + TEXT)
    assert result.exit_code == 0
    known, unknown = result.stdout.index(RULE), result.stdout.index("nothing is known of this failure")
    assert known < unknown and "it came from /data/ada/train.py:3" in result.stdout


def test_nothing_is_known(command: Command) -> None:
    result = command("explain", "-", stdin=OTHER)
    assert result.exit_code == 1 and result.stdout.startswith("KeyError: 'x'\nnothing is known")


@pytest.mark.parametrize("text", ["", "\n", "step 1\n" * 100])
def test_no_failure_is_one_line(command: Command, text: str) -> None:
    result = command("explain", "-", stdin=text)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "no failure is told of in this text\n")


def test_json(command: Command) -> None:
    told = json.loads(command("explain", "-", "--format", "json", stdin=OTHER + "\n" + TEXT).stdout)
    assert told["version"] == 1 and told["failure"]["exception"]["type"] == "RuntimeError"
    assert told["findings"][0]["rule"] == RULE and told["findings"][0]["cures"]
    assert told["failure"]["frames"][1]["text"] == "return moved.view(x.shape[0], -1)"
    assert [one["failure"]["exception"]["type"] for one in told["failures"]] == ["RuntimeError", "KeyError"]
    empty = command("explain", "-", "--format", "json", stdin="")
    assert json.loads(empty.stdout) == {"version": 1, "failure": None, "findings": [], "failures": []}
    assert empty.exit_code == 1


def test_bytes_that_are_no_text(command: Command) -> None:
    assert command("explain", "-", stdin=b"\xff\xfe\x00" + TEXT.encode()).exit_code == 0


def test_reading_a_text_loads_no_torch() -> None:
    code = "import sys; from torchdoctor.faces.cli import main\n"
    code += "try:\n    main(['explain', '-'])\nexcept SystemExit:\n    pass\n"
    code += "print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], input=TEXT, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.endswith("set()\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
def test_a_terminal_is_told_what_is_waited_for(tmp_path: Path) -> None:
    import pty

    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "torchdoctor", "explain", "-"],
        stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    os.write(parent, f"RuntimeError: {SAID}\n\x04".encode())
    out, err = process.communicate(timeout=60)
    os.close(parent)
    os.close(child)
    assert err.startswith("paste a traceback or a message, then end it with Ctrl-D") and RULE in out


# -- crashes ---------------------------------------------------------------------------------------------------------

ABORTS = """\
import os, threading, time

def boom():
    os.abort()

threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
boom()
"""
EXPLAIN = (sys.executable, "-m", "torchdoctor", "explain")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("door", ["run", "install"])
def test_a_crash_leaves_a_file_that_is_read(tmp_path: Path, door: str) -> None:
    install = "import torchdoctor; torchdoctor.install()\n" if door == "install" else ""
    (tmp_path / "train.py").write_text(install + ABORTS)
    plain = run([*PLAIN, "train.py"], tmp_path) if not install else None
    ours = run([*(DOCTOR if door == "run" else PLAIN), "train.py"], tmp_path, environment={"RANK": "2"})
    assert ours.code < 0 and (plain is None or ours == plain)
    told = run(EXPLAIN, tmp_path)
    line = 4 + bool(install)
    assert (
        "Fatal Python error: Aborted" in told.out
        and f"train.py:{line}" in told.out
        and "train.py" in told.out.split("\n")[0]
    )
    report = json.loads(run([*EXPLAIN, "--format", "json"], tmp_path).out)
    assert report["failure"]["rank"] == 2
    assert [frame["function"] for frame in report["failure"]["frames"]] == ["<module>", "boom"]


def test_a_process_that_ends_well_leaves_none(tmp_path: Path) -> None:
    for text, code in (("print(3)", 0), ("1 / 0", 1), ("import sys; sys.exit(4)", 4), ("import os; os._exit(5)", 5)):
        (tmp_path / "train.py").write_text(text)
        assert run([*DOCTOR, "train.py"], tmp_path).code == code
    told = run(EXPLAIN, tmp_path)
    assert told.code == 1 and told.out == "" and told.err.startswith("no crash is known") and told.err.count("\n") == 1
    assert not list((tmp_path / "cache").rglob("*.txt")), "what a killed process left is taken away"


def test_the_newest_crash_and_no_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = Path(crashes.folder())
    folder.mkdir(parents=True)
    for age_days, name in ((30, "1"), (2, "2"), (1, "3")):
        (folder / f"{name}.txt").write_text(f"command: {name}\n\nFatal Python error: Aborted\n")
        then = time.time() - age_days * 24 * 3600
        os.utime(folder / f"{name}.txt", (then, then))
    newest = crashes.newest()
    assert newest is not None and newest[0] == {"command": "3"}
    assert sorted(path.name for path in folder.iterdir()) == ["2.txt", "3.txt"]


def test_no_place_to_write_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "train.py").write_text("print(3)")
    ran = run([*DOCTOR, "train.py"], tmp_path, environment={"XDG_CACHE_HOME": str(tmp_path / "file")})
    assert (ran.code, ran.out, ran.err) == (0, "3\n", "")


def test_a_faulthandler_of_the_program_s_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ABORTS)
    flags = [sys.executable, "-X", "faulthandler"]
    ours = run([*flags, *DOCTOR[1:], "train.py"], tmp_path)
    assert ours.code < 0 and "Fatal Python error: Aborted" in ours.err
