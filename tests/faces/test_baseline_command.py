"""``lint --write-baseline`` and ``--baseline``: what is known is left out, and only new findings are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import torchdoctor
from tests.faces.conftest import MENDABLE, SICK, WELL, Command, Write

NAME = "torchdoctor-baseline.json"
RULE = "bare-grad-context"
COPY = SICK.replace("import torch\n", "").replace("def f", "def g")
SETTINGS = f'[tool.torchdoctor]\nbaseline = "{NAME}"\n'


def lint(command: Command, *arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = command("lint", "--no-cache", "--jobs", "1", *arguments, stdin=stdin)
    return result.exit_code, result.stdout, result.stderr


def places(command: Command, *arguments: str) -> list[str]:
    """Path and line of what is told."""
    found = json.loads(lint(command, "--format", "json", *arguments)[1])["findings"]
    return [f"{each['path']}:{each['line']}" for each in found]


def entries(root: Path, name: str = NAME) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((root / name).read_text())["findings"]
    return found


# -- what is known, and what is new ------------------------------------------------------------------------------------


def test_what_was_there_is_left_out(write: Write, command: Command) -> None:
    write({"a.py": SICK, "b.py": SICK + COPY})
    assert lint(command, "--write-baseline") == (
        0,
        f'{NAME} knows 3 findings of these files\nname it: baseline = "{NAME}" in [tool.torchdoctor], or --baseline\n',
        "",
    )
    assert lint(command, "--baseline", NAME) == (0, f"no findings in 2 files; 3 more are known to {NAME}\n", "")
    assert lint(command)[0] == 1, "nobody asked for the baseline"
    write({"pyproject.toml": SETTINGS})
    assert lint(command)[0] == 0
    assert lint(command, "--no-baseline")[0] == 1
    assert lint(command, "--isolated")[0] == 1
    assert lint(command, "--write-baseline")[1] == f"{NAME} knows 3 findings of these files\n"


@pytest.mark.parametrize(
    "after",
    [
        "# a licence\n#\n" + SICK,
        SICK.replace("    torch.no", "    x = x + 1\n    print(x)\n    torch.no").replace(
            "    return", "    x += 1\n    return"
        ),
        SICK.replace("import torch\n", "import torch\n\n\ndef before():\n    x = 1\n"),
        SICK.replace("def f(model, x):", "@decorated\ndef f(model, x, more=None):"),
        SICK.replace("def f", "def renamed"),
        SICK.replace("def f", "async def f"),
        "import torch\n\n\nclass A:\n" + "    " + SICK[14:].strip("\n").replace("\n", "\n    ") + "\n",
        SICK.replace("torch.no_grad()", "torch.no_grad( )  # why"),
        SICK.replace("\n", "\r\n"),
        "\ufeff" + SICK,
    ],
    ids=["licence", "lines around", "function before", "signature", "name", "async", "method", "space", "crlf", "bom"],
)
def test_code_that_moves_stays_known(write: Write, command: Command, after: str) -> None:
    write({"a.py": SICK})
    lint(command, "--write-baseline")
    write({"a.py": after})
    assert lint(command, "--no-baseline")[0] == 1
    assert lint(command, "--baseline", NAME) == (0, f"no findings in 1 file; 1 more is known to {NAME}\n", "")


def test_a_copy_is_new_wherever_it_stands(write: Write, command: Command) -> None:
    write({"a.py": SICK, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    write({"a.py": SICK + COPY})
    assert places(command) == ["a.py:10"]
    write({"a.py": "import torch\n" + COPY + SICK.replace("import torch\n", "")})
    assert places(command) == ["a.py:5"], "the copy stands before, and is still the one that is new"
    write({"a.py": SICK.replace("    torch.no_grad()\n", "    torch.no_grad()\n" * 2)})
    assert len(places(command)) == 1
    write({"a.py": SICK, "b.py": SICK})
    assert places(command) == ["b.py:5"]


def test_one_mended_and_one_made_elsewhere(write: Write, command: Command) -> None:
    write({"a.py": SICK})
    lint(command, "--write-baseline")
    write({"a.py": WELL + "\n\ndef eval_all(net, batches):\n    torch.no_grad()\n    net.eval()\n"})
    code, out, err = lint(command, "--baseline", NAME)
    assert code == 1 and "a.py:10:5" in out
    assert f"1 finding is gone that {NAME} knows ({RULE} in a.py)" in err


# -- what is gone ------------------------------------------------------------------------------------------------------


def test_what_is_gone_is_told_and_taken_out(write: Write, command: Command) -> None:
    root = write({"a.py": SICK, "b.py": SICK, "sub/c.py": SICK, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    write({"a.py": WELL})
    (root / "b.py").unlink()
    code, out, err = lint(command)
    assert (code, out) == (0, f"no findings in 2 files; 1 more is known to {NAME}\n")
    assert err == (
        f"warning: 2 findings are gone that {NAME} knows ({RULE} in a.py, {RULE} in b.py): "
        "--write-baseline takes out what is gone\n"
    )
    assert lint(command, "--quiet") == (0, "", "")
    assert "::warning title=torchdoctor::2 findings are gone" in lint(command, "--format", "github")[1]
    assert lint(command, "--write-baseline")[1] == (
        f"{NAME} knows 1 finding of these files; 2 that are gone were taken out\n"
    )
    assert [entry["path"] for entry in entries(root)] == ["sub/c.py"]
    assert lint(command) == (0, f"no findings in 1 file; 1 more is known to {NAME}\n".replace("1 file", "2 files"), "")


def test_what_a_run_does_not_look_at_is_neither_gone_nor_taken_out(write: Write, command: Command) -> None:
    root = write({"a.py": SICK, "b.py": SICK, "sub/c.py": SICK, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    write({"a.py": WELL, "b.py": WELL})
    assert lint(command, "sub") == (0, f"no findings in 1 file; 1 more is known to {NAME}\n", "")
    assert lint(command, "--select", "loss") == (0, "no findings in 3 files\n", "")
    assert f"1 finding is gone that {NAME} knows ({RULE} in a.py)" in lint(command, "a.py")[2]
    lint(command, "--write-baseline", "--select", "loss")
    assert len(entries(root)) == 3
    assert "1 that is gone was taken out" in command("lint", "a.py", "--write-baseline").stdout
    assert [entry["path"] for entry in entries(root)] == ["b.py", "sub/c.py"]
    write({"b.py": "import torch\nno_grad(\n"})
    code, _, err = lint(command)
    assert code == 2 and "gone" not in err
    assert lint(command, "--write-baseline")[0] == 2
    assert [entry["path"] for entry in entries(root)] == ["b.py", "sub/c.py"], "nobody knows what is in b.py"


def test_writing_again_changes_nothing(write: Write, command: Command) -> None:
    root = write({"a.py": SICK + COPY, "b.py": SICK})
    lint(command, "--write-baseline")
    first = (root / NAME).read_bytes()
    lint(command, "--write-baseline")
    assert (root / NAME).read_bytes() == first
    write({"a.py": "# moved\n" + SICK + COPY})
    lint(command, "--write-baseline")
    assert (root / NAME).read_bytes() == first, "a line that moves makes no difference to review"


def test_comments_that_suppress_come_first(write: Write, command: Command) -> None:
    quiet = SICK.replace("torch.no_grad()", f"torch.no_grad()  # torchdoctor: ignore[{RULE}]")
    idle = WELL + f"x = 1  # torchdoctor: ignore[{RULE}]\n"
    root = write({"a.py": SICK, "b.py": idle, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    assert [entry["rule"] for entry in entries(root)] == [RULE, "unused-suppression"]
    write({"a.py": quiet})
    code, out, err = lint(command)
    assert (code, out) == (0, f"no findings in 2 files; 1 more is known to {NAME}\n"), "the comment is no idle one"
    assert f"({RULE} in a.py)" in err


# -- with everything else ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["text", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_every_format_leaves_out_what_is_known(write: Write, command: Command, format_: str) -> None:
    write({"a.py": SICK, "b.py": SICK})
    lint(command, "a.py", "--write-baseline")
    code, out, _ = lint(command, "--baseline", NAME, "--format", format_)
    assert code == 1 and "b.py" in out and "a.py" not in out


def test_statistics_count_what_is_new(write: Write, command: Command) -> None:
    write({"a.py": SICK, "b.py": SICK})
    lint(command, "a.py", "--write-baseline")
    assert lint(command, "--baseline", NAME, "--statistics")[1].startswith(f"1  error    {RULE}\n")


def test_what_is_known_is_not_mended(write: Write, command: Command) -> None:
    known = MENDABLE + "with torch.no_grad():\n    y\n"
    root = write({"a.py": known})
    lint(command, "--write-baseline")
    assert lint(command, "--baseline", NAME, "--diff")[:2] == (0, "")
    both = known + "\n\ndef f(x):\n    with torch.no_grad:\n        return x\n"
    write({"a.py": both})
    code, out, _ = lint(command, "--baseline", NAME, "--fix")
    assert code == 0 and out.startswith("1 mended, nothing left in 1 file")
    assert (root / "a.py").read_text() == both.replace("    with torch.no_grad:", "    with torch.no_grad():")


def test_standard_input_has_what_is_known_of_its_file(write: Write, command: Command) -> None:
    write({"sub/a.py": SICK, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    name = ("--stdin-filename", "sub/a.py", "-")
    assert lint(command, *name, stdin="# moved\n" + SICK) == (
        0,
        f"no findings in 1 file; 1 more is known to {NAME}\n",
        "",
    )
    assert lint(command, *name, stdin=SICK + COPY)[0] == 1
    assert lint(command, "-", stdin=SICK)[0] == 1
    result = command("lint", "--fix", *name, stdin=SICK + MENDABLE)
    assert result.stdout == SICK + MENDABLE.replace("no_grad", "no_grad()")


def test_the_cache_keeps_what_was_found_and_not_what_was_known(write: Write, command: Command) -> None:
    write({"a.py": SICK})
    for _ in range(2):
        command("lint", "--write-baseline")
        assert command("lint", "--baseline", NAME).exit_code == 0
        assert command("lint").exit_code == 1


def test_from_another_folder_and_with_a_baseline_in_a_third(
    write: Write, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write({"sub/a.py": SICK, "sub/b.py": SICK, "torchdoctor.toml": 'baseline = "ci/known.json"\n'})
    lint(command, "--write-baseline")
    assert [entry["path"] for entry in entries(root, "ci/known.json")] == ["../sub/a.py", "../sub/b.py"]
    monkeypatch.chdir(root / "sub")
    assert lint(command)[0] == 0
    assert lint(command, "--baseline", "../ci/known.json", "a.py")[0] == 0
    assert lint(command, "--isolated", "--baseline", "../ci/known.json", str(root / "sub" / "a.py"))[0] == 0
    monkeypatch.chdir("/")
    assert lint(command, str(root))[0] == 0


def test_paths_have_forward_slashes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pathlib import PureWindowsPath

    from torchdoctor.project import known

    monkeypatch.setattr(known, "PurePath", PureWindowsPath)
    monkeypatch.setattr(os.path, "relpath", lambda path, start: "sub\\a.py")
    assert known.Known(tmp_path / NAME).name("x") == "sub/a.py"


def test_python_reads_the_baseline_of_the_settings(write: Write, command: Command) -> None:
    root = write({"a.py": SICK, "torchdoctor.toml": f'baseline = "{NAME}"\n'})
    lint(command, "--write-baseline")
    assert not torchdoctor.lint(root)
    assert not torchdoctor.lint(text="# x\n" + SICK, filename="a.py")
    assert len(torchdoctor.lint(root, settings=False)) == len(torchdoctor.lint(text=SICK, filename="b.py")) == 1


def test_other_commands_do_not_ask_for_it(write: Write, command: Command) -> None:
    write({"a.py": SICK, "torchdoctor.toml": 'baseline = "gone.json"\n'})
    assert command("facts", "a.py:5").exit_code == 0


# -- what cannot be done -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--baseline", "none.json"], "error: there is no baseline none.json: --write-baseline makes one"),
        (["--baseline", "sub"], "error: the baseline sub cannot be read: Is a directory"),
        (["--baseline", "a.py"], "error: a.py is not JSON, as a baseline is: "),
        (["--baseline", "latin.json"], "error: latin.json is not UTF-8, as a baseline is"),
        (["--baseline", "x.json"], "error: x.json is no baseline of torchdoctor"),
        (["--baseline", "x.json", "--no-baseline"], "--no-baseline reads no baseline and --baseline names one"),
        (["--write-baseline", "sub"], "error: --write-baseline sub: that is a folder. A path to look at goes before"),
        (["--write-baseline", "a.py"], "error: --write-baseline a.py: that is no baseline's name. A path to look at"),
        (["--write-baseline", "none.py"], "that is no baseline's name"),
        (["--write-baseline", "x.json"], "error: x.json is left as it is: it is no baseline of torchdoctor"),
        (["--write-baseline", "README"], "error: README is left as it is: it is not JSON"),
        (["--write-baseline=b.json", "--fix"], "does not go with --fix"),
        (["--write-baseline=b.json", "--diff"], "does not go with --diff"),
        (["--write-baseline=b.json", "--changed-since", "HEAD"], "does not go with --changed-since"),
        (["--write-baseline=b.json", "-"], "does not go with -"),
        (["--write-baseline=a.py/b.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_asked(write: Write, command: Command, arguments: list[str], told: str) -> None:
    files: dict[str, str | bytes] = {
        "a.py": SICK,
        "sub/b.py": WELL,
        "x.json": "{}",
        "README": "hello\n",
        "latin.json": b"\xe9",
    }
    root = write(files)
    code, out, err = lint(command, *arguments, stdin="")
    assert (code, out) == (2, "")
    assert told in err and "Traceback" not in err
    for name, content in files.items():
        assert (root / name).read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert not (root / "b.json").exists()


def test_a_setting_that_leads_nowhere_is_told(write: Write, command: Command) -> None:
    write({"a.py": SICK, "pyproject.toml": SETTINGS})
    assert lint(command)[::2] == (2, f"error: there is no baseline {NAME}: --write-baseline makes one\n")
    assert lint(command, "--write-baseline")[0] == 0 and lint(command)[0] == 0
    write({"pyproject.toml": "[tool.torchdoctor]\nbaseline = []\n"})
    assert lint(command)[::2] == (2, "error: pyproject.toml:2: `baseline` is a string, not []\n")


def test_the_command_as_it_is_installed(write: Write) -> None:
    write({"src/a.py": SICK, "src/b.py": SICK})

    def run(*arguments: str) -> tuple[int, str]:
        words = [sys.executable, "-m", "torchdoctor", "lint", *arguments]
        done = subprocess.run(words, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert run("src", "--write-baseline", "known.json")[0] == 0
    write({"src/a.py": "# a line\n" + SICK + COPY})
    code, out = run("src", "--baseline", "known.json", "--format", "concise")
    assert code == 1 and out.startswith("src/a.py:11:5: error")
    assert out.endswith("1 finding (1 error) in 2 files; 2 more are known to known.json\n")
