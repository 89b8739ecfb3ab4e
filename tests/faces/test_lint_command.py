"""``torchdoctor lint``: exit codes, selecting, formats, mending, standard input."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.conftest import MENDABLE, SICK, WELL, Command, Write
from torchdoctor.config import FORMATS
from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.cli._console import Progress, say
from torchdoctor.faces.writing import write as write_file
from torchdoctor.project.cache import FOLDER

RULE = "bare-grad-context"
MENDED = MENDABLE.replace("no_grad", "no_grad()")


def lint(command: Command, *arguments: str, stdin: str | bytes | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one run in one process, with nothing remembered."""
    result = command("lint", "--no-cache", "--jobs", "1", *arguments, stdin=stdin)
    return result.exit_code, result.stdout, result.stderr


# -- exit codes ------------------------------------------------------------------------------------------------------


def test_clean(write: Write, command: Command) -> None:
    write({"a.py": WELL, "b.py": "x = 1\n"})
    assert lint(command) == (0, "no findings in 2 files\n", "")


def test_findings(write: Write, command: Command) -> None:
    write({"a.py": SICK, "b.py": WELL})
    code, out, err = lint(command)
    assert (code, err) == (1, "")
    assert out.startswith(f"error[{RULE}]: ")
    assert out.endswith("\n\n1 finding (1 error) in 2 files\n")


def test_what_could_not_be_done_is_told_and_nothing_else_is_lost(write: Write, command: Command) -> None:
    write({"a.py": SICK, "broken.py": "import torch\nno_grad(\n"})
    code, out, err = lint(command, "a.py", "broken.py", "none.py")
    assert code == 2
    assert f"error[{RULE}]" in out
    assert out.endswith("1 finding (1 error) in 2 files; 2 paths could not be checked\n")
    assert err.splitlines() == [
        "error: broken.py:2: syntax error at line 2: '(' was never closed: `no_grad(`",
        "error: none.py: there is no such file or folder",
    ]


@pytest.mark.parametrize(("level", "code"), [("note", 1), ("warning", 0), ("error", 0), ("never", 0)])
def test_fail_on(write: Write, command: Command, level: str, code: int) -> None:
    write({"a.py": "import torch  # torchdoctor: ignore[bare-grad-context]\n"})
    assert lint(command, "--fail-on", level)[0] == code


def test_no_files_at_all_is_said_aloud(write: Write, command: Command) -> None:
    write({"docs/x.txt": "", "old/build/x.py": SICK})
    assert lint(command, "docs") == (0, "", "warning: no Python files under docs\n")
    assert lint(command, "old")[2] == "warning: no Python files under old (1 excluded or ignored)\n"
    assert lint(command, "none") == (2, "", "error: none: there is no such file or folder\n")
    assert lint(command, "docs", "--quiet") == (0, "", "")
    assert json.loads(lint(command, "docs", "--format", "json")[1])["files"] == 0


def test_files_in_which_nothing_could_be_found_are_told(write: Write, command: Command) -> None:
    write({"pkg/a.py": "x = 1\n", "pkg/b.py": "import numpy\n", "net.py": WELL})
    assert lint(command, "pkg") == (
        0,
        "no findings in 2 files\n",
        "warning: none of the 2 files mentions torch or lightning: there was nothing to look at\n",
    )
    assert lint(command, "pkg/a.py") == (0, "no findings in 1 file\n", ""), "it was named: that is what was meant"
    assert lint(command) == (0, "no findings in 3 files\n", "")
    assert lint(command, "--select", "loss", "--ignore", "all", "--ignore", "loss")[2] == (
        "warning: no rule is on, so nothing was looked for\n"
    )
    assert lint(command, "pkg", "--quiet") == (0, "", "")
    assert lint(command, "pkg", "--format", "github")[1] == (
        "::warning title=torchdoctor::none of the 2 files mentions torch or lightning: there was nothing to look at\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--select", "bare-grad-contxt"], "did you mean bare-grad-context"),
        (["--ignore", "evaluatoin"], "--ignore: 'evaluatoin' is not a rule"),
        (["--config", "none.toml"], "none.toml cannot be read"),
        (["--fix", "--diff"], "give one of them"),
        (["--unsafe-fixes"], "give --fix or --diff with it"),
        (["-", "a.py"], "stands alone"),
        (["--isolated", "--config", "x.toml"], "give one of them"),
        (["--statistics", "--format", "sarif"], "--statistics has no sarif form"),
        (["--statistics", "--format", "junit"], "--statistics has no junit form"),
        (["--format", "xml"], "'xml' is not one of"),
        (["--jobs", "-1"], "-1"),
        (["--output", "a.py/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_asked(write: Write, command: Command, arguments: list[str], told: str) -> None:
    write({"a.py": WELL})
    code, out, err = lint(command, *arguments)
    assert (code, out) == (2, "")
    assert told in err and "Traceback" not in err


def test_a_wrong_setting_is_told_with_its_place(write: Write, command: Command) -> None:
    write({"a.py": SICK, "pyproject.toml": "[tool.torchdoctor]\nselct = []\n"})
    code, _, err = lint(command)
    assert (code, err) == (2, "error: pyproject.toml:2: there is no key `selct`; did you mean `select`?\n")
    assert lint(command, "--isolated")[0] == 1


# -- selecting -------------------------------------------------------------------------------------------------------

TWO = SICK + "# torchdoctor: ignore[missing-super-init]\n"


def rules(command: Command, *arguments: str) -> list[str]:
    out = lint(command, "--format", "json", *arguments)[1]
    return [finding["rule"] for finding in json.loads(out)["findings"]]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], [RULE, "unused-suppression"]),
        (["--select", RULE], [RULE]),
        (["--select", "evaluation,loss"], [RULE]),
        (["--select", "note"], []),  # the comment names a rule that did not run
        (["--select", "all"], [RULE, "unused-suppression"]),
        (["--ignore", RULE, "--ignore", "lint"], []),
        (["--ignore", "evaluation"], ["unused-suppression"]),
        (["--select", RULE, "--ignore", "evaluation"], [RULE]),  # a name beats a group
        (["--select", "error", "--ignore", RULE], []),
        (["--select", "loss", "--extend-select", RULE], [RULE]),
    ],
)
def test_selecting(write: Write, command: Command, arguments: list[str], found: list[str]) -> None:
    write({"a.py": TWO})
    assert rules(command, *arguments) == found


def test_settings_and_what_goes_before_them(write: Write, command: Command) -> None:
    table = (
        f'[tool.torchdoctor]\nignore = ["{RULE}"]\nformat = "concise"\nfail-on = "note"\nextend-exclude = ["b.py"]\n'
    )
    write({"a.py": TWO, "b.py": SICK, "pyproject.toml": table})
    assert lint(command)[:2] == (
        1,
        "a.py:7:1: note[unused-suppression] the comment suppresses no finding of `missing-super-init` [*]\n"
        "1 finding (1 note) in 1 file; 1 can be mended with --fix\n",
    )
    assert rules(command, "--select", RULE) == [RULE], "what is selected here is not ignored there"
    assert rules(command, "--ignore", "lint") == [], "what is ignored here is ignored as well"
    assert lint(command, "--fail-on", "error")[0] == 0
    assert rules(command, "--extend-exclude", "a.py") == []
    assert rules(command, "--exclude", "zzz") == ["unused-suppression"]


def test_per_file_ignores(write: Write, command: Command) -> None:
    write({"tests/a.py": SICK, "b.py": SICK, "torchdoctor.toml": '[per-file-ignores]\n"tests/**" = ["evaluation"]\n'})
    assert lint(command, "--format", "concise")[1].startswith("b.py:5:5: ")
    assert lint(command, "tests/a.py")[0] == 0


# -- showing ---------------------------------------------------------------------------------------------------------


def test_every_format_goes_to_a_file(write: Write, command: Command) -> None:
    root = write({"a.py": SICK})
    for format_ in FORMATS:
        shown = lint(command, "--format", format_)[1]
        target = root / "out" / f"{format_}.txt"
        assert lint(command, "--format", format_, "--output", str(target)) == (1, "", "")
        assert target.read_text(encoding="utf-8") == shown
    assert len(os.listdir(root / "out")) == len(FORMATS) == 7


def test_statistics(write: Write, command: Command) -> None:
    write({"a.py": SICK, "b.py": MENDABLE})
    _, out, _ = lint(command, "--statistics")
    assert out == (
        f"2  error    {RULE}  (1 can be mended)\n"
        "2 findings (2 errors) in 2 files; 1 can be mended with --fix\n"
    )  # fmt: skip
    document = json.loads(lint(command, "--statistics", "--format", "json")[1])
    assert document["statistics"] == [{"rule": RULE, "severity": "error", "count": 2}]


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colors(
    write: Write,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    colored: bool,
) -> None:
    write({"a.py": SICK})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in lint(command, *arguments)[1]) is colored


def test_machine_formats_are_never_colored(write: Write, command: Command) -> None:
    write({"a.py": SICK})
    for format_ in FORMATS[2:]:
        assert "\x1b" not in lint(command, "--format", format_, "--color", "always")[1]


def test_quiet(write: Write, command: Command) -> None:
    write({"a.py": SICK, "b.py": WELL})
    assert lint(command, "-q", "b.py") == (0, "", "")
    assert lint(command, "-q", "a.py")[1].endswith(f"= torchdoctor explain {RULE}\n\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("format_", FORMATS)
def test_no_console_is_too_poor(write: Write, encoding: str, format_: str) -> None:
    write({"日本😀.py": SICK.replace("torch.no_grad()", "torch.inference_mode('é日本😀')")})
    code = "from torchdoctor.faces.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "lint", "--no-cache", "--format", format_],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr and done.stdout.decode(encoding)


# -- mending ---------------------------------------------------------------------------------------------------------


def test_fix(write: Write, command: Command) -> None:
    root = write({"a.py": MENDABLE, "b.py": SICK, "c.py": MENDABLE})
    code, out, _ = lint(command, "--fix")
    assert (root / "a.py").read_text() == (root / "c.py").read_text() == MENDED
    assert (root / "b.py").read_text() == SICK
    assert code == 1, "what is left decides"
    assert out.endswith("2 mended, 1 finding left (1 error) in 3 files\n")
    assert lint(command, "--fix", "a.py") == (0, "no findings in 1 file\n", "")
    write({"a.py": MENDABLE})
    assert lint(command, "--fix", "a.py") == (0, "1 mended, nothing left in 1 file\n", "")


def test_diff_changes_nothing(write: Write, command: Command) -> None:
    root = write({"pkg/a.py": MENDABLE, "b.py": SICK})
    code, out, err = lint(command, "--diff")
    assert code == 1 and (root / "pkg" / "a.py").read_text() == MENDABLE
    assert out == (
        "--- a/pkg/a.py\n+++ b/pkg/a.py\n@@ -1,4 +1,4 @@\n import torch\n \n"
        "-with torch.no_grad:\n+with torch.no_grad():\n     x\n"
    )
    assert err == "1 finding in 1 file would be mended\n"
    assert lint(command, "--diff", "b.py") == (0, "", "nothing would be mended\n")


def test_a_diff_can_be_applied(write: Write, command: Command) -> None:
    root = write({"a.py": MENDABLE.replace("\n", "\r\n"), "b.py": MENDABLE.rstrip("\n") + "  # é"})
    (root / "x.diff").write_bytes(command("lint", "--no-cache", "--diff").stdout_bytes)
    done = subprocess.run(["git", "apply", "--check", "x.diff"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_unsafe_fixes(write: Write, command: Command) -> None:
    root = write({"a.py": "import torch\nx = torch.ones(3).cuda()\n"})
    assert "1 can be mended with --fix --unsafe-fixes" in lint(command)[1]
    assert lint(command, "--diff")[:2] == (0, "")
    assert lint(command, "--diff", "--unsafe-fixes")[0] == 1
    lint(command, "--fix")
    assert (root / "a.py").read_text().endswith(".cuda()\n")
    lint(command, "--fix", "--unsafe-fixes")
    assert not (root / "a.py").read_text().endswith(".cuda()\n")


# -- standard input --------------------------------------------------------------------------------------------------


def test_standard_input(write: Write, command: Command) -> None:
    write({})
    assert lint(command, "-", stdin=WELL) == (0, "no findings in 1 file\n", "")
    code, out, _ = lint(command, "-", stdin=SICK)
    assert code == 1 and " --> <stdin>:5:5\n" in out and "5 |     torch.no_grad()" in out


def test_standard_input_with_a_name(write: Write, command: Command) -> None:
    write(
        {
            "pkg/__init__.py": "",
            "pkg/net.py": "import torch\ndef out(x):\n    return torch.softmax(x, 1)\n",
            "torchdoctor.toml": '[per-file-ignores]\n"skipped.py" = ["all"]\n',
        }
    )
    text = "import torch.nn.functional as F\nfrom .net import out\nF.cross_entropy(out(x), y)\n"
    out = lint(command, "--stdin-filename", "pkg/train.py", "--format", "concise", "-", stdin=text)[1]
    assert out.startswith("pkg/train.py:3:1: error[softmax-before-cross-entropy]")
    assert lint(command, "--stdin-filename", "skipped.py", stdin=SICK)[0] == 0


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_mending_standard_input_gives_back_its_bytes(write: Write, command: Command, newline: str, mark: bytes) -> None:
    write({})
    data = mark + (MENDABLE + "# é\n").replace("\n", newline).encode()
    result = command("lint", "--fix", "-", stdin=data)
    assert result.exit_code == 0
    assert result.stdout_bytes == data.replace(b"no_grad", b"no_grad()")
    assert result.stderr == "1 mended, nothing left in 1 file\n"


def test_what_cannot_be_mended_is_given_back_as_it_was(write: Write, command: Command) -> None:
    write({})
    for text in ("import torch\nno_grad(\n", "x = 1\n"):
        result = command("lint", "--fix", "-", stdin=text)
        assert result.stdout == text
        assert result.exit_code == (2 if "(" in text else 0)
    result = command("lint", "--fix", "-", stdin=b"import torch; no_grad \xff")
    assert (result.exit_code, result.stdout_bytes) == (2, b"import torch; no_grad \xff")


def test_the_diff_of_standard_input(write: Write, command: Command) -> None:
    write({})
    code, out, _ = lint(command, "--diff", "--stdin-filename", "pkg/a.py", "-", stdin=MENDABLE)
    assert code == 1 and out.startswith("--- a/pkg/a.py\n") and "+with torch.no_grad():\n" in out


# -- remembering and progress ----------------------------------------------------------------------------------------


def test_what_was_found_is_remembered_beside_the_settings(write: Write, command: Command) -> None:
    root = write({"a.py": SICK})
    first = command("lint", "--jobs", "1")
    assert list((root / FOLDER).glob("*.json"))
    assert command("lint", "--jobs", "1").output == first.output
    command("lint", "--jobs", "1", "--cache-dir", "elsewhere")
    assert list((root / "elsewhere").glob("*.json"))


def test_no_cache_leaves_nothing(write: Write, command: Command) -> None:
    root = write({"a.py": SICK})
    command("lint", "--no-cache")
    assert sorted(os.listdir(root)) == [".git", "a.py"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = Terminal()
    progress = Progress(stream)
    progress(1, 10)
    assert stream.getvalue() == ""
    now[0] = 1.5
    progress(5, 10)
    progress(6, 10)
    assert stream.getvalue() == f"\r[{'#' * 15}{'.' * 15}] 5/10 files"
    progress.close()
    assert stream.getvalue().endswith("\r")
    for silent in (Progress(io.StringIO()), Progress(Terminal(), quiet=True)):
        now[0] += 5
        silent(1, 2)
        silent.close()
        assert isinstance(silent.stream, io.StringIO) and silent.stream.getvalue() == ""


def test_a_report_is_written_whole_or_not_at_all(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"out.txt": "old"})
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(TorchdoctorError, match="No space left"):
        write_file(root / "out.txt", "new")
    assert (root / "out.txt").read_text() == "old"
    assert sorted(os.listdir(root)) == [".git", "out.txt"]


def test_what_a_console_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("é 日\udc80\n")
    sys.stdout.flush()
    assert raw.getvalue() == b"\\xe9 \\u65e5\\udc80\n"


# -- the installed command -------------------------------------------------------------------------------------------


def test_the_command_as_it_is_installed(write: Write) -> None:
    write({"a.py": SICK})
    script = Path(sys.executable).with_name("torchdoctor.exe" if sys.platform == "win32" else "torchdoctor")
    commands = [[sys.executable, "-m", "torchdoctor"], *([[str(script)]] if script.exists() else [])]
    outputs = []
    for command in commands:
        done = subprocess.run([*command, "lint", "--no-cache"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "")
        outputs.append(done.stdout)
        version = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert version.stdout.startswith("torchdoctor ")
    assert len(set(outputs)) == 1
