"""``torchdoctor run``: the program is what it is under Python, and its failure is explained after its traceback."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from tests.faces.programs import DOCTOR, FAILS, PLAIN, ROOT, RULE, VIEW, run
from torchdoctor.faces.cli.run import split

# Programs without torch: with us and without, all that can be seen of them is the same.
SEEN = """
import os, sys
print(sys.argv, __name__, __file__, __spec__ and __spec__.name, sys.path, sys.flags, sys.orig_argv)
print(sorted((k, v) for k, v in os.environ.items() if k != "_"))
print(sorted(vars(sys.modules["__main__"])), sys.stdin.read())
"""
SPAWN = """
import multiprocessing, pickle
class Point:
    pass
def double(n):
    return 2 * n, __name__
if __name__ == "__main__":
    print(Point.__module__, pickle.loads(pickle.dumps(Point())).__class__)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [3]))
"""
CHAIN = """
def f():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("wrapped") from error
f()
"""
PROGRAMS = {
    "what it sees": SEEN,
    "ends well": "print('well')",
    "an error": CHAIN,
    "an exit code": "import sys; sys.exit(3)",
    "an exit text": "import sys; print('x'); sys.exit('in words')",
    "a plain exit": "raise SystemExit",
    "an interrupt": "raise KeyboardInterrupt",
    "no Python": "x = = 1\n",
    "a hard exit": "import os; os._exit(5)",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "a thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\nt.start(); t.join()",
    "at its end": "import atexit; atexit.register(print, 'bye'); 1 / 0",
    "a hook of its own": "import sys\nsys.excepthook = lambda *a: print('mine', a[0])\n1 / 0",
    "a class of its own": "class Mine(BaseException):\n    pass\nraise Mine('x')",
    "spawned processes": SPAWN,
    "post mortem": "import pdb\ntry:\n    x = 3\n    1 / 0\nexcept ZeroDivisionError:\n    pdb.post_mortem()",
    "warnings": "import warnings; warnings.warn('careful')",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_as_under_python(tmp_path: Path, name: str) -> None:
    (tmp_path / "train.py").write_text(PROGRAMS[name])
    stdin = "p x\nwhere\nq\n"
    plain = run([*PLAIN, "train.py", "--lr", "3", "-m", "--report", "--", "a b", ""], tmp_path, stdin=stdin)
    ours = run([*DOCTOR, "train.py", "--lr", "3", "-m", "--report", "--", "a b", ""], tmp_path, stdin=stdin)
    assert ours == plain


@pytest.mark.parametrize("flags", [["-O"], ["-W", "error"], ["-X", "dev"], ["-u"], ["-bb", "-X", "utf8"]], ids=" ".join)
def test_the_interpreter_s_options_are_kept(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "train.py").write_text(SEEN)
    plain = run([sys.executable, *flags, "train.py"], tmp_path)
    assert run([sys.executable, *flags, *DOCTOR[1:], "train.py"], tmp_path) == plain


def test_modules_folders_archives_and_standard_input(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(SEEN)
    (package / "train.py").write_text(SEEN + "1 / 0\n")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", SEEN)
    for words in (
        ["-m", "pkg", "-m", "x"],
        ["-m", "pkg.train", "--report"],
        ["pkg"],
        ["app.pyz", "y"],
        ["none.py"],
        ["-m", "none"],
    ):
        assert run([*DOCTOR, *words], tmp_path, stdin="in") == run([*PLAIN, *words], tmp_path, stdin="in"), words
    script = "import sys; print(sys.argv, sys.path[0]); 1 / 0"
    assert run([*DOCTOR, "-", "x"], tmp_path, stdin=script) == run([*PLAIN, "-", "x"], tmp_path, stdin=script)


def test_a_sitecustomize_of_the_user_s_own_runs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins; builtins.MINE = 3")
    (tmp_path / "train.py").write_text("import sys; print(MINE, sys.modules['sitecustomize'].__file__)")
    own = {"PYTHONPATH": f"{tmp_path / 'own'}:{ROOT}"}
    plain = run([*PLAIN, "train.py"], tmp_path, environment=own)
    assert plain.code == 0 and run([*DOCTOR, "train.py"], tmp_path, environment=own) == plain


def test_an_interpreter_that_shuts_us_out_is_refused(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['run', 'train.py']; "
    code += "from torchdoctor.faces.cli import main; main()"
    ran = run([sys.executable, "-E", "-c", code], tmp_path)
    assert ran.code == 2 and "-I, -E or -S" in ran.err and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("a.py --report x", "-- a.py --report x"),
        ("--report x a.py -m y", "--report x -- a.py -m y"),
        ("--report=x -m pkg --report z", "--report=x -m pkg -- --report z"),
        ("-mpkg -h", "-m pkg -- -h"),
        ("- -x", "-- - -x"),
        ("-- a.py", "-- a.py"),
        ("--help", "--help"),
    ],
)
def test_what_is_ours_and_what_is_the_program_s(given: str, made: str) -> None:
    assert split(given.split()) == made.split()


# -- failures of torch -----------------------------------------------------------------------------------------------


def test_a_failure_is_explained_after_its_traceback(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(FAILS)
    plain = run([*PLAIN, "train.py"], tmp_path)
    ours = run([*DOCTOR, "--report", "out/report.json", "train.py"], tmp_path)
    assert (ours.code, ours.out) == (plain.code, plain.out) == (1, "")
    assert ours.err.startswith(plain.err), "the traceback has changed"
    told = ours.err[len(plain.err) :]
    assert told.startswith(f"\nerror[{RULE}]: ") and "train.py:8:16" in told and "moved" in told
    assert f"torchdoctor explain {RULE}" in told and "\x1b" not in told
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["version"] == 1 and report["failure"]["exception"]["type"] == "RuntimeError"
    assert report["findings"][0]["rule"] == RULE and report["findings"][0]["line"] == 8
    assert report["findings"][0]["cures"]


def test_other_people_s_errors_are_left_alone_where_torch_is_loaded(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(f"import torch\n{CHAIN}")
    assert run([*DOCTOR, "--report", "r.json", "train.py"], tmp_path) == run([*PLAIN, "train.py"], tmp_path)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["findings"] == [] and report["failure"]["exception"]["type"] == "ValueError"


def test_a_report_of_a_run_that_ended_well(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(3)")
    (tmp_path / "r.json").write_text("old")
    assert run([*DOCTOR, "--report", "r.json", "train.py"], tmp_path).out == "3\n"
    assert json.loads((tmp_path / "r.json").read_text()) == {"version": 1, "failure": None, "findings": []}
    (tmp_path / "train.py").write_text("import os; os._exit(0)")
    run([*DOCTOR, "--report", "r.json", "train.py"], tmp_path)
    assert not (tmp_path / "r.json").exists(), "an old report is taken for this run's"


def test_each_rank_has_its_report(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(3)")
    run([*DOCTOR, "--report", "r.json", "train.py"], tmp_path, environment={"RANK": "3", "WORLD_SIZE": "4"})
    assert (tmp_path / "r.rank3.json").is_file() and not (tmp_path / "r.json").exists()


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(3)")
    (tmp_path / "file").touch()
    ran = run([*DOCTOR, "--report", "file/r.json", "train.py"], tmp_path)
    assert (ran.code, ran.out) == (0, "3\n") and ran.err.startswith("torchdoctor: ") and ran.err.count("\n") == 1


@pytest.mark.parametrize("launched_by_us", [True, False])
def test_under_torchrun_the_failing_rank_is_named(tmp_path: Path, launched_by_us: bool) -> None:
    pytest.importorskip("torch.distributed.run")
    (tmp_path / "train.py").write_text(
        f"import os, time\n{VIEW}if os.environ['RANK'] == '1':\n    net(torch.zeros(2, 3, 4))\ntime.sleep(20)\n"
    )
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    if launched_by_us:
        command = [*DOCTOR, "--report", "r.json", *launch, "train.py"]
    else:
        command = [sys.executable, *launch, "-m", "torchdoctor", "run", "--report", "r.json", "train.py"]
    ran = run(command, tmp_path)
    assert ran.code == 1
    assert f"error[{RULE}]" in ran.err and "rank 1" in ran.err
    assert json.loads((tmp_path / "r.rank1.json").read_text())["findings"][0]["rule"] == RULE


def test_the_command_wants_a_program(tmp_path: Path) -> None:
    assert "which program" in run([*DOCTOR], tmp_path).err
