"""The action for GitHub and the hooks for pre-commit: they say what they do, and do it in a real repository."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tests.faces.conftest import MENDABLE, SICK, WELL
from tests.repository import Repository
from torchdoctor.faces.cli import main

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "torchdoctor" / "action.yml"
COPY = SICK.replace("import torch\n", "").replace("def f", "def g")
INPUTS = {"PATHS": ".", "CHANGED_SINCE": "", "BASELINE": "", "FORMAT": "github", "OUTPUT": "", "ARGS": ""}


def read(path: Path) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options() -> set[str]:
    command = main.get_command(click.Context(main), "lint")
    assert command is not None
    return {option for parameter in command.params for option in parameter.opts}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "project").mkdir()
    return Repository((tmp_path / "project").resolve())


# -- pre-commit --------------------------------------------------------------------------------------------------------


def hook(repository: Repository, name: str) -> tuple[int, str]:
    """Exit code and output of a hook over the files that are staged, as pre-commit calls it."""
    (found,) = [hook for hook in read(ROOT / ".pre-commit-hooks.yaml") if hook["id"] == name]
    staged = repository.git("diff", "--cached", "--name-only", "--diff-filter=d", "-z").split("\0")
    words = shlex.split(found["entry"])
    assert words[0] == "torchdoctor"
    done = subprocess.run(
        [sys.executable, "-m", *words, *(name for name in staged if name.endswith(".py"))],
        cwd=repository.folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_hooks_have_the_form_that_precommit_asks_for() -> None:
    hooks = read(ROOT / ".pre-commit-hooks.yaml")
    assert [each["id"] for each in hooks] == ["torchdoctor", "torchdoctor-changed", "torchdoctor-fix"]
    for each in hooks:
        assert each["language"] == "python" and each["types"] == ["python"] and each["require_serial"] is True
        assert {word for word in shlex.split(each["entry"]) if word.startswith("--")} <= options()


def test_the_hooks_in_a_repository(repository: Repository) -> None:
    repository.write({"old.py": SICK, "well.py": WELL})
    repository.git("add", "--all")
    code, out = hook(repository, "torchdoctor")
    assert code == 1 and "old.py:5:5" in out
    assert hook(repository, "torchdoctor-changed")[0] == 1, "before the first commit all is new"
    repository.commit()
    repository.write({"old.py": SICK + "\nx = 1\n", "well.py": WELL + "x = 1\n"})
    repository.git("add", "--all")
    assert hook(repository, "torchdoctor")[0] == 1
    assert hook(repository, "torchdoctor-changed") == (0, ""), "quiet: pre-commit shows what is said"
    repository.write({"old.py": SICK + COPY})
    repository.git("add", "--all")
    code, out = hook(repository, "torchdoctor-changed")
    assert code == 1 and "old.py:10:5" in out and "old.py:5:5" not in out


def test_the_hook_that_mends(repository: Repository) -> None:
    repository.write({"a.py": MENDABLE})
    repository.git("add", "--all")
    assert hook(repository, "torchdoctor-fix") == (0, "")
    assert (repository.folder / "a.py").read_text() == MENDABLE.replace("no_grad", "no_grad()")


# -- the action --------------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's folder, as if the first step of the action had installed this checkout."""
    programs = tmp_path / "runner" / "torchdoctor" / "bin"
    programs.mkdir(parents=True)
    (programs / "torchdoctor").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m torchdoctor "$@"\n')
    (programs / "torchdoctor").chmod(0o755)
    return tmp_path / "runner"


def step(number: int, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one step of the action as GitHub's runner runs bash."""
    action = read(ACTION)
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", action["runs"]["steps"][number]["run"]]
    around = {**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_ACTION_PATH": str(ACTION.parent), **environment}
    return subprocess.run(words, cwd=folder, env=around, capture_output=True, text=True)


def lint(repository: Repository, runner: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    return step(1, repository.folder, RUNNER_TEMP=str(runner), **{**INPUTS, **inputs})


def test_the_action_has_the_form_that_github_asks_for() -> None:
    action = read(ACTION)
    assert set(action) == {"name", "description", "inputs", "runs"} and action["runs"]["using"] == "composite"
    steps = action["runs"]["steps"]
    assert all(each["shell"] == "bash" for each in steps), "a composite action's steps must name their shell"
    given = {value.removeprefix("${{ inputs.").removesuffix(" }}") for value in steps[1]["env"].values()}
    assert given == set(action["inputs"]), "what users give reaches the step, and only as a variable"
    assert set(steps[1]["env"]) == set(INPUTS)
    assert "${{" not in steps[0]["run"] + steps[1]["run"]
    assert {name: each["default"] for name, each in action["inputs"].items()} == {
        key.lower().replace("_", "-"): value for key, value in INPUTS.items()
    }


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_the_action_in_a_repository(repository: Repository, runner: Path) -> None:
    repository.commit({"src/a.py": SICK, "b c.py": WELL})
    done = lint(repository, runner)
    assert done.returncode == 1 and done.stdout.startswith("::error file=src/a.py,line=5,"), done.stderr
    assert lint(repository, runner, PATHS="src src/a.py").stdout == done.stdout
    assert lint(repository, runner, ARGS="--ignore evaluation --exclude *.py").returncode == 0
    assert lint(repository, runner, CHANGED_SINCE="HEAD").returncode == 0
    repository.write({"new.py": SICK})
    done = lint(repository, runner, CHANGED_SINCE="HEAD")
    assert done.returncode == 1 and "new.py" in done.stdout and "src/a.py" not in done.stdout
    assert lint(repository, runner, ARGS="--write-baseline=known.json").returncode == 0
    assert lint(repository, runner, BASELINE="known.json").returncode == 0
    done = lint(repository, runner, FORMAT="sarif", OUTPUT="out/a b.sarif")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(json.loads((repository.folder / "out" / "a b.sarif").read_text())["runs"][0]["results"]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_what_is_given_to_the_action_is_never_run(repository: Repository, runner: Path) -> None:
    repository.commit({"a.py": WELL})
    for name in INPUTS:
        done = lint(repository, runner, **{name: "$(touch made) `touch made`; touch made"})
        assert done.returncode == (0 if name == "OUTPUT" else 2), "any name may be that of a file to write"
        assert not (repository.folder / "made").exists(), name


@pytest.mark.packaging
@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_the_action_installs_what_it_stands_beside(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.py": SICK})
    done = step(0, repository.folder, RUNNER_TEMP=str(tmp_path), PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    done = lint(repository, tmp_path, PYTHONPATH="")
    assert done.returncode == 1 and done.stdout.startswith("::error file=a.py"), done.stderr


# -- what the README shows ---------------------------------------------------------------------------------------------


def test_the_snippets_of_the_readme_are_of_what_is_there() -> None:
    yaml = pytest.importorskip("yaml")
    from tests.test_readme import blocks

    shown = [yaml.safe_load(block.text) for block in blocks("yaml")]
    hooks = {each["id"] for each in read(ROOT / ".pre-commit-hooks.yaml")}
    inputs = set(read(ACTION)["inputs"])
    text = json.dumps(shown)
    named = {hook["id"] for each in shown if isinstance(each, list) for repo in each for hook in repo.get("hooks", ())}
    assert named and named <= hooks
    tables = [each for each in shown if isinstance(each, dict)]
    steps = [step for each in tables for job in each.get("jobs", {}).values() for step in job["steps"]]
    ours = [step for step in steps if step.get("uses", "").startswith("OWNER/torchdoctor/.github/actions/torchdoctor@")]
    assert ours and all(set(step.get("with", {})) <= inputs for step in ours)
    scripts = [line for each in tables for line in each.get("torchdoctor", {}).get("script", ())]
    assert any("--format gitlab" in line for line in scripts) and "gl-code-quality-report.json" in text
    for line in scripts:
        assert {word for word in shlex.split(line) if word.startswith("--")} <= options()
