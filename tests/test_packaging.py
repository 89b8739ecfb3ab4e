"""The wheel: what is in it, what it asks for, and that it lints in an environment without torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from torchdoctor import catalogue

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.packaging


def run(*command: str | Path, cwd: Path, compiled: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["TORCHDOCTOR_COMPILE"] = str(int(compiled))
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=environment)


def build(target: Path, *, compiled: bool = False) -> Path:
    options: list[str | Path] = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", target]
    done = run(sys.executable, "-m", "pip", "wheel", *options, ROOT, cwd=target, compiled=compiled)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


def install(wheel: Path, folder: Path) -> Path:
    """A fresh environment that holds the wheel and what it asks for; its folder of programs."""
    assert run(sys.executable, "-m", "venv", folder / "env", cwd=folder).returncode == 0
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "tests" / "constraints.txt"
    done = run(programs / "python", "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return programs


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_the_pages_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    pages = {path.relative_to(ROOT / "rules").as_posix() for path in (ROOT / "rules").rglob("*.md")}
    assert {f"torchdoctor/_rules/{page}" for page in pages} <= names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "torchdoctor").rglob("*.py")}
    assert modules <= names and "torchdoctor/py.typed" in names
    extra = {name for name in names if not name.startswith("torchdoctor/") and ".dist-info/" not in name}
    assert not extra
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_asks_for_no_torch_and_brings_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    needed = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    always = {line.partition(";")[0].split(">")[0].strip() for line in needed if "extra ==" not in line}
    assert always == {"libcst", "click", "rich", "pathspec", "tomli"}
    (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "torchdoctor = torchdoctor.faces.cli:main" in archive.read(entry).decode()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("fresh"))


def test_an_installed_wheel_lints_without_torch(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "python", "-c", "import torch", cwd=tmp_path).returncode == 1, "torch came along"
    done = run(installed / "torchdoctor", "rules", cwd=tmp_path)
    assert done.returncode == 0 and all(name in done.stdout for name in catalogue.rules()), done.stderr
    done = run(installed / "torchdoctor", "explain", "view-on-noncontiguous", cwd=tmp_path)
    assert done.returncode == 0 and "reshape" in done.stdout, done.stderr
    done = run(installed / "torchdoctor", "lint", ROOT / "examples" / "merge_heads.py", cwd=tmp_path)
    assert done.returncode == 1 and "view-on-noncontiguous" in done.stdout, done.stderr


def test_the_package_lints_from_python(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import torchdoctor\n"
        "text = 'import torch\\nx = torch.ones(2, 3).t()\\ny = x.view(6)\\n'\n"
        "print([finding.rule for finding in torchdoctor.lint(text=text)])\n"
    )
    done = run(installed / "python", "use.py", cwd=tmp_path)
    assert "view-on-noncontiguous" in done.stdout, done.stderr


def test_a_compiled_wheel_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("mypyc", reason="mypy compiles")
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("there is no C compiler")
    wheel = build(tmp_path, compiled=True)
    assert not wheel.name.endswith("-none-any.whl")
    programs = install(wheel, tmp_path)
    where = "import torchdoctor.facts.run as run; print(run.__file__)"
    assert Path(run(programs / "python", "-c", where, cwd=tmp_path).stdout.strip()).suffix in (".so", ".pyd")
    examples: tuple[str | Path, ...] = ("lint", "--isolated", "--no-cache", "--select", "all", ROOT / "examples")
    compiled = run(programs / "torchdoctor", *examples, cwd=tmp_path)
    plain = run(sys.executable, "-m", "torchdoctor", *examples, cwd=tmp_path)
    assert plain.returncode == 1
    assert compiled.stdout == plain.stdout and compiled.stderr == plain.stderr


def test_wheels_are_compiled_by_what_the_tests_are_compiled_by() -> None:
    hook = (ROOT / ".hatch" / "hook.py").read_text(encoding="utf-8")
    (pinned,) = re.findall(r'"(mypy==[^"]+)"', hook)
    assert pinned in (ROOT / "tests" / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_an_editable_install_reads_the_pages_of_the_checkout() -> None:
    assert catalogue.folder() == ROOT / "rules"
