"""What is odd, hostile or half gone: with us and without, the program's own output and exit code are the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.programs import PLAIN, ROOT, RULE, VIEW, Ran, run
from tests.faces.test_install import CALL, INSTALL, SKIP, both, explained
from torchdoctor.faces import telling

NEEDS_TORCH = pytest.mark.skipif(not __import__("importlib.util").util.find_spec("torch"), reason="runs torch")
# Each is raised where torch is loaded and goes to sys.excepthook, as what nobody catches does.
ODD = {
    "hostile texts": """
class Hostile(RuntimeError):
    def __str__(self):
        raise ValueError('no text')
    __repr__ = __str__
raise Hostile('x')
""",
    "hostile attributes": """
class Hostile(RuntimeError):
    def __getattribute__(self, name):
        raise SystemExit('asked for ' + name)
    def __del__(self):
        raise ValueError
raise Hostile('x')
""",
    "an end to no recursion": """
class Deep(nn.Module):
    def forward(self, x):
        return self(x + 1)
Deep()(torch.zeros(3))
""",
    "an interrupt": "raise KeyboardInterrupt",
    "an exit": "raise SystemExit('in words')",
    "a class of its own": "class Mine(BaseException):\n    pass\nraise Mine('x')",
    "a text that cannot be encoded": "raise RuntimeError('\\ud800 mat1')",
    "a huge text": "raise RuntimeError('x' * 1000000)",
    "what cannot be pickled": """
class Held(RuntimeError):
    def __init__(self):
        super().__init__('held')
        self.lock = __import__('threading').Lock()
    def __reduce__(self):
        raise TypeError('no')
raise Held
""",
    "no memory": "raise MemoryError",
    "the texts of another library": "raise IndexError('index 5 is out of bounds for axis 0 with size 3')",
}
DRIVER = """
import sys, torch
from torch import nn
for name, text in {odd!r}.items():
    print('---', name, file=sys.stderr)
    try:
        exec(text)
    except BaseException:
        try:
            sys.excepthook(*sys.exc_info())
        except BaseException as error:
            print('the hook raised', type(error), file=sys.stderr)
"""


@NEEDS_TORCH
def test_odd_exceptions(tmp_path: Path) -> None:
    plain, ours = both(tmp_path, DRIVER.format(odd=ODD))
    changing = r"0x[0-9a-f]+|refcount : \d+"  # Python tells them where it cannot print an exception
    plain, ours = (Ran(one.code, one.out, re.sub(changing, "", one.err)) for one in (plain, ours))
    assert explained(plain, ours) == "" and plain.err.count("---") == len(ODD)


@NEEDS_TORCH
@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
def test_a_group_of_exceptions(tmp_path: Path) -> None:
    text = (
        f"{VIEW}held = []\nfor bad in (torch.zeros(2, 3, 4), None):\n    try:\n        net(bad)\n"
        "    except Exception as error:\n        held.append(error)\nraise ExceptionGroup('two', held)\n"
    )
    told = explained(*both(tmp_path, text))
    assert f"error[{RULE}]: " in told


@NEEDS_TORCH
def test_a_hook_that_is_put_over_ours_and_calls_nobody(tmp_path: Path) -> None:
    """Whoever sets a hook and drops the one before wants his own alone."""
    text = f"import sys\n{VIEW}sys.excepthook = lambda *a: print('mine', a[0])\n{CALL}"
    assert explained(*both(tmp_path, text)) == ""


@NEEDS_TORCH
def test_an_exit_in_a_thread(tmp_path: Path) -> None:
    thread = "t = threading.Thread(target=sys.exit, args=(3,))\nt.start(); t.join()\nprint('on')\n"
    text = f"import sys, threading\n{VIEW}{thread}"
    assert explained(*both(tmp_path, text)) == ""


@NEEDS_TORCH
def test_the_debugger_after_the_failure(tmp_path: Path) -> None:
    """``python -i``, and what ``pdb.pm()`` does: the frames are there and hold what they held."""
    asked = "p x.shape, moved.stride()\nwhere\nq\n"
    stdin = f"import io, pdb, sys; d = pdb.Pdb(stdin=io.StringIO({asked!r}), stdout=sys.stdout); d.use_rawinput = 0\n"
    stdin += "d.reset(); d.interaction(None, sys.last_traceback)\n"
    (tmp_path / "train.py").write_text(SKIP + VIEW + CALL)
    plain = run([*PLAIN, "-i", "train.py"], tmp_path, stdin=stdin)
    (tmp_path / "train.py").write_text(INSTALL + VIEW + CALL)
    ours = run([*PLAIN, "-i", "train.py"], tmp_path, stdin=stdin)
    assert "torch.Size([2, 3, 4])" in plain.out and ours.out == plain.out
    assert f"error[{RULE}]" in ours.err


@NEEDS_TORCH
def test_the_traceback_of_pytest(tmp_path: Path) -> None:
    test = f"{VIEW}def test_net():\n    {CALL}"

    def told(first: str) -> Ran:
        (tmp_path / "test_net.py").write_text(first + test)
        ran = run([*PLAIN, "-m", "pytest", "-p", "no:cacheprovider", "test_net.py"], tmp_path)
        return Ran(ran.code, re.sub(r"in \d+\.\d+s", "", ran.out).replace(first, ""), ran.err)

    assert told(INSTALL) == told(SKIP)


# -- half gone -------------------------------------------------------------------------------------------------------


def shell(line: str, folder: Path) -> Ran:
    """A line of the shell, in which $PYTHON is this one."""
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@NEEDS_TORCH
@pytest.mark.skipif(sys.platform == "win32", reason="speaks to a shell")
@pytest.mark.parametrize(
    "line",
    ["$PYTHON train.py 2>&-", "$PYTHON train.py 2> >(true); echo $?", "$PYTHON train.py 2>/dev/full; echo $?"],
    ids=["closed", "a broken pipe", "a full disk"],
)
def test_standard_error_that_takes_nothing(tmp_path: Path, line: str) -> None:
    text = f"{VIEW}print('before', flush=True)\n{CALL}"
    (tmp_path / "train.py").write_text(SKIP + text)
    plain = shell(line, tmp_path)
    (tmp_path / "train.py").write_text(INSTALL + text)
    assert shell(line, tmp_path) == plain and "before" in plain.out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("report", ["/dev/full", "/proc/self/r.json"], ids=["full", "read-only"])
def test_a_report_that_finds_no_room_is_one_line(tmp_path: Path, report: str) -> None:
    (tmp_path / "train.py").write_text("print(3)")
    ran = run([*PLAIN, "-m", "torchdoctor", "run", "--report", report, "train.py"], tmp_path)
    assert (ran.code, ran.out) == (0, "3\n") and ran.err.startswith("torchdoctor: ") and ran.err.count("\n") == 1


@pytest.mark.parametrize("fault", [MemoryError, RecursionError, OSError, ZeroDivisionError])
def test_a_fault_of_our_own_is_one_line(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of memory that is full while we look, and of a message that spreads over lines."""
    error = RuntimeError(f"of this fault alone: {fault.__name__}")
    monkeypatch.delenv("TORCHDOCTOR_RAISE", raising=False)
    monkeypatch.setattr(telling, "look", lambda error: (_ for _ in ()).throw(fault("two\nlines")))
    telling.tell(error)
    err = capsys.readouterr().err
    assert err == f"torchdoctor: could not explain this failure ({fault.__name__}: two lines)\n"
