"""``torchdoctor.install()`` and ``explaining()``: what is said, what is left alone, and that nothing else changes."""

from __future__ import annotations

import ast
import asyncio
import gc
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import torchdoctor
from tests.faces.programs import PLAIN, RULE, VIEW, run
from torchdoctor.faces import hooks, telling
from torchdoctor.record import ExceptionRecord, Failure

INSTALL = "import torchdoctor; torchdoctor.install()\n"
SKIP = "pass; pass\n"
CALL = "net(torch.zeros(2, 3, 4))\n"
NEEDS_TORCH = pytest.mark.skipif(not __import__("importlib.util").util.find_spec("torch"), reason="runs torch")


def both(folder: Path, text: str) -> tuple[Any, Any]:
    """A program without and with ``install()`` in its first line."""
    (folder / "train.py").write_text(SKIP + text)
    plain = run([*PLAIN, "train.py"], folder)
    (folder / "train.py").write_text(INSTALL + text)
    return plain, run([*PLAIN, "train.py"], folder)


def explained(plain: Any, ours: Any) -> str:
    """What came after the plain traceback."""
    assert (ours.code, ours.out) == (plain.code, plain.out)
    assert ours.err.startswith(plain.err)
    told: str = ours.err[len(plain.err) :]
    return told


# -- in processes of their own ---------------------------------------------------------------------------------------


@NEEDS_TORCH
def test_a_program_and_a_second_install(tmp_path: Path) -> None:
    told = explained(*both(tmp_path, f"{VIEW}import torchdoctor\n{CALL}"))
    assert told.startswith(f"\nerror[{RULE}]: ") and "train.py:9:16" in told
    again = f"{VIEW}import torchdoctor\ntorchdoctor.install()\ntorchdoctor.install()\n{CALL}"
    (tmp_path / "train.py").write_text(again)
    assert run([*PLAIN, "train.py"], tmp_path).err.count(f"error[{RULE}]") == 1


@NEEDS_TORCH
def test_threads(tmp_path: Path) -> None:
    thread = "t = threading.Thread(target=lambda: net(torch.zeros(2, 3, 4)), name='t')\n"
    text = f"{VIEW}import threading\n{thread}t.start()\nt.join()\nprint('after')\n"
    assert f"error[{RULE}]" in explained(*both(tmp_path, text))


@NEEDS_TORCH
@pytest.mark.parametrize("order", ["before", "after"])
def test_torch_s_own_hook_in_both_orders(tmp_path: Path, order: str) -> None:
    group = "import torch.distributed as dist\n"
    group += "dist.init_process_group('gloo', init_method='tcp://127.0.0.1:0', rank=0, world_size=1)\n"
    install = "import torchdoctor\ntorchdoctor.install()\n"
    first, second = (install, group) if order == "before" else (group, install)
    (tmp_path / "train.py").write_text(f"{first}{second}{VIEW}{CALL}")
    ran = run([*PLAIN, "train.py"], tmp_path)
    assert ran.code == 1 and "[rank0]: Traceback" in ran.err
    assert ran.err.count(f"error[{RULE}]") == 1


@NEEDS_TORCH
def test_other_hooks_that_call_those_before_them(tmp_path: Path) -> None:
    hook = "import sys\nbefore = sys.excepthook\n"
    hook += "def hook(*a):\n    print('theirs')\n    before(*a)\nsys.excepthook = hook\n"
    install = "import torchdoctor\ntorchdoctor.install()\n"
    for text in (install + hook, hook + install, install + hook + install):
        (tmp_path / "train.py").write_text(text + VIEW + CALL)
        ran = run([*PLAIN, "train.py"], tmp_path)
        assert ran.out == "theirs\n" and ran.err.count(f"error[{RULE}]") == 1 and ran.err.count("Traceback") == 1


@NEEDS_TORCH
def test_what_is_no_error_of_torch_is_left_alone(tmp_path: Path) -> None:
    texts = [
        "raise KeyboardInterrupt",
        "raise SystemExit(3)",
        "{}['x']",
        "raise ValueError('no')",
        "assert 0",
        "open('no')",
    ]
    program = (
        "import sys, torch\n"
        f"for text in {texts!r}:\n"
        "    try:\n        exec(text)\n    except BaseException:\n        sys.excepthook(*sys.exc_info())\n"
    )
    assert explained(*both(tmp_path, program)) == ""


def test_a_fault_of_ours_is_one_line(tmp_path: Path) -> None:
    text = (
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n"  # a stand-in: it only has to be there
    )
    text += "sys.modules['torchdoctor.diagnose'] = None\n{}['x']\n"
    told = explained(*both(tmp_path, text))
    assert told.startswith("torchdoctor: could not explain this failure (") and told.count("\n") == 1


def test_installing_loads_nothing_heavy_and_takes_no_time(tmp_path: Path) -> None:
    code = (
        "import sys, threading, time\nbegan = time.process_time()\nimport torchdoctor\ntorchdoctor.install()\n"
        "print(time.process_time() - began, sorted({'torch', 'libcst', 'click', 'rich'} & set(sys.modules)))"
    )
    times = []
    for _ in range(4):
        cached = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
        seconds, loaded = run([*PLAIN, "-c", code], tmp_path, environment=cached).out.split(" ", 1)
        assert ast.literal_eval(loaded) == []
        times.append(float(seconds))
    assert min(times) < 0.02, "a generous bound for a busy machine: it takes 3 ms"


@NEEDS_TORCH
def test_post_mortem_is_the_same(tmp_path: Path) -> None:
    """``python -m pdb`` stops where the program failed, and the frames hold what they held."""
    stdin = "c\np x.shape, moved.stride()\nwhere\nq\n"
    (tmp_path / "train.py").write_text(SKIP + VIEW + CALL)
    plain = run([*PLAIN, "-m", "pdb", "train.py"], tmp_path, stdin=stdin)
    (tmp_path / "train.py").write_text(INSTALL + VIEW + CALL)
    ours = run([*PLAIN, "-m", "pdb", "train.py"], tmp_path, stdin=stdin)
    assert "torch.Size([2, 3, 4])" in plain.out
    assert ours.out.replace(INSTALL.strip(), SKIP.strip()) == plain.out


# -- in this process -------------------------------------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """The exceptions that were to be explained; hooks are put back afterwards."""
    told: list[BaseException] = []
    monkeypatch.setattr(telling, "tell", told.append)
    monkeypatch.setitem(sys.modules, "torch", sys.modules.get("torch") or SimpleNamespace())
    monkeypatch.setattr(sys, "excepthook", lambda *a: None)
    monkeypatch.setattr(threading, "excepthook", lambda a: None)
    yield told
    torchdoctor.uninstall()


def raised(text: str = "x") -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_uninstalling_puts_back_what_stood_there(heard: list[BaseException]) -> None:
    stood = sys.excepthook, threading.excepthook, list(sys.meta_path)
    torchdoctor.install()
    assert (sys.excepthook, threading.excepthook) != stood[:2]
    torchdoctor.uninstall()
    torchdoctor.uninstall()
    assert (sys.excepthook, threading.excepthook, sys.meta_path) == stood


def test_a_hook_that_others_built_upon_falls_silent(heard: list[BaseException]) -> None:
    torchdoctor.install()
    ours, error = sys.excepthook, raised()
    sys.excepthook = lambda *a: ours(*a)
    torchdoctor.uninstall()
    sys.excepthook(ValueError, error, error.__traceback__)
    assert heard == []
    torchdoctor.install()
    sys.excepthook(ValueError, error, error.__traceback__)
    assert heard == [error]


def test_ipython_s_cells(heard: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    class Shell:
        def showtraceback(self, exc_tuple: object = None, **options: object) -> None:
            shown.append(sys.exc_info()[1])

    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    torchdoctor.install()
    torchdoctor.install()
    try:
        raise ValueError("x")
    except ValueError as error:
        shell.showtraceback(running_compiled_code=True)
        assert shown == heard == [error]
    torchdoctor.uninstall()
    assert "showtraceback" not in vars(shell)


def test_a_fault_in_the_hook_itself_is_one_line(
    heard: list[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torchdoctor.install()
    sys.excepthook()  # type: ignore[call-arg]
    assert capsys.readouterr().err == "torchdoctor: could not explain this failure (ValueError)\n"
    monkeypatch.setattr(telling, "tell", lambda error: (_ for _ in ()).throw(KeyboardInterrupt))
    error = raised()
    sys.excepthook(ValueError, error, error.__traceback__)
    assert capsys.readouterr().err == ""


def test_nothing_is_kept_alive(heard: list[BaseException]) -> None:
    torchdoctor.install()
    error = raised()
    sys.excepthook(ValueError, error, error.__traceback__)
    heard.clear()
    before = sys.getrefcount(error)
    sys.excepthook(ValueError, error, error.__traceback__)
    heard.clear()
    assert sys.getrefcount(error) == before


def test_each_failure_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[BaseException] = []

    def look(error: BaseException) -> tuple[object, list[object]]:
        seen.append(error)
        return Failure(ExceptionRecord("RuntimeError", "no")), []

    monkeypatch.setattr(telling, "look", look)
    error = raised()
    telling.tell(error)
    telling.tell(error)
    telling.tell(raised("another"))
    assert len(seen) == 2 and capsys.readouterr() == ("", "")


def test_the_collector_stands_still_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full collection takes a tenth of a second where torch is loaded; afterwards all is as it was."""
    seen: list[bool] = []

    def look(error: BaseException) -> tuple[object, list[object]]:
        seen.append(gc.isenabled())
        return Failure(ExceptionRecord("RuntimeError", "no")), []

    monkeypatch.setattr(telling, "look", look)
    telling.tell(raised())
    assert seen == [False] and gc.isenabled()
    gc.disable()
    try:
        telling.tell(raised("again"))
        assert not gc.isenabled()
    finally:
        gc.enable()


# -- explaining ------------------------------------------------------------------------------------------------------


def test_the_block_lets_the_very_same_exception_pass(heard: list[BaseException]) -> None:
    error = ValueError("x")
    with pytest.raises(ValueError) as caught, torchdoctor.explaining():
        raise error
    assert caught.value is error and heard == [error]
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == [
        "test_the_block_lets_the_very_same_exception_pass"
    ]


def test_what_is_no_error_passes_in_silence(heard: list[BaseException]) -> None:
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(kind), torchdoctor.explaining():
            raise kind
    with torchdoctor.explaining():
        pass
    assert heard == []


def test_an_exit_tells_of_the_error_that_it_comes_from(heard: list[BaseException]) -> None:
    error = raised()
    with pytest.raises(SystemExit) as caught, torchdoctor.explaining():
        raise SystemExit(3) from error
    assert caught.value.code == 3 and heard == [error]
    with pytest.raises(SystemExit), torchdoctor.explaining():
        try:
            raise error
        except ValueError:
            sys.exit("it failed")
    assert heard == [error, error]
    for code in (0, None):  # what was handled did no harm
        with pytest.raises(SystemExit), torchdoctor.explaining():
            raise SystemExit(code) from error
    with pytest.raises(SystemExit), torchdoctor.explaining():
        raise SystemExit(1) from None
    assert heard == [error, error]

    @torchdoctor.explaining()
    def main() -> None:
        raise SystemExit(1) from error

    with pytest.raises(SystemExit):
        main()
    assert len(heard) == 3


@torchdoctor.explaining()
def plainly(x: int, *, y: int = 2) -> int:
    """A docstring."""
    return x // y


@torchdoctor.explaining()
async def slowly(y: int) -> int:
    return 3 // y


@torchdoctor.explaining()
def one_by_one(y: int) -> Iterator[int]:
    yield 1
    yield 3 // y


def test_decorated_functions(heard: list[BaseException]) -> None:
    assert plainly(7) == 3 and plainly.__doc__ == "A docstring." and plainly.__name__ == "plainly"
    assert asyncio.run(slowly(1)) == 3 and list(one_by_one(1)) == [1, 3]
    assert heard == []
    calls: dict[str, Callable[[], object]] = {
        "plainly": lambda: plainly(1, y=0),
        "slowly": lambda: asyncio.run(slowly(0)),
        "one_by_one": lambda: list(one_by_one(0)),
    }
    for count, (name, call) in enumerate(calls.items(), 1):
        with pytest.raises(ZeroDivisionError) as caught:
            call()
        assert len(heard) == count and heard[-1] is caught.value
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[-1] == name
        if sys.version_info >= (3, 11):
            assert "explained" not in names


def test_the_names_are_there() -> None:
    assert torchdoctor.install is hooks.install and torchdoctor.uninstall is hooks.uninstall
    assert callable(torchdoctor.watch_loaders)


@NEEDS_TORCH
def test_a_real_ipython(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    cells = [
        *INSTALL.splitlines(),
        *INSTALL.splitlines(),
        f"exec(compile({VIEW!r}, 'model.py', 'exec'))",
        CALL.strip(),
        "quit",
    ]
    command = [*PLAIN, "-m", "IPython", "--colors=NoColor", "--simple-prompt"]
    out = run(command, tmp_path, stdin="\n".join(cells) + "\n", environment={"IPYTHONDIR": str(tmp_path)})
    told = out.out + out.err
    assert told.count(f"error[{RULE}]: ") == 1 and "RuntimeError" in told
