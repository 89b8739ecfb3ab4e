"""Which files a run looks at."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from torchdoctor.config import Settings
from torchdoctor.project.discovery import Found, discover

Write = Callable[[Mapping[str, "str | bytes"]], Path]
links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def found(root: Path, *paths: str, **settings: object) -> list[str]:
    return names(root, look(root, *paths, **settings))


def look(root: Path, *paths: str, **settings: object) -> Found:
    return discover([Path(path) for path in paths or (".",)], replace(Settings(root), **settings))  # type: ignore[arg-type]


def names(root: Path, found: Found) -> list[str]:
    return [Path(os.path.relpath(path, root)).as_posix() for path in found.files]


def test_python_files_in_order(write: Write) -> None:
    root = write(dict.fromkeys(("b.py", "a/z.py", "a/b/c.pyw", "a.txt", "a-b/x.py", "c.pyi", "A.py"), ""))
    assert found(root) == ["A.py", "a/b/c.pyw", "a/z.py", "a-b/x.py", "b.py"]


def test_the_usual_excludes_at_any_depth(write: Write) -> None:
    others = (".venv", "venv", "build", "node_modules", "__pycache__", "site-packages", ".tox", "dist")
    root = write({f"{place}{name}/x.py": "" for name in others for place in ("", "pkg/")} | {"pkg/x.py": ""})
    assert found(root) == ["pkg/x.py"]


def test_what_is_named_is_looked_at_all_the_same(write: Write) -> None:
    root = write({"build/x.py": "", "build/build/y.py": "", "build/sub/z.py": "", "script": "", ".gitignore": "*\n"})
    assert found(root, "build/x.py", "script") == ["build/x.py", "script"]
    assert found(root, "build") == ["build/sub/z.py", "build/x.py"]


def test_exclude_takes_the_place_of_the_usual_and_extend_exclude_adds(write: Write) -> None:
    root = write({"build/x.py": "", "old/x.py": "", "pkg/made_a.py": "", "pkg/a.py": "", "pkg/old/y.py": ""})
    assert found(root, exclude=("old",)) == ["build/x.py", "pkg/a.py", "pkg/made_a.py"]
    assert found(root, exclude=("/old", "made_*.py")) == ["build/x.py", "pkg/a.py", "pkg/old/y.py"]
    assert found(root, extend_exclude=("old/", "pkg/made_*")) == ["pkg/a.py"]
    assert found(root, extend_exclude=("**/old/*.py", "!pkg/old/y.py")) == ["pkg/a.py", "pkg/made_a.py", "pkg/old/y.py"]


def test_a_folder_that_is_named_beats_the_pattern_that_excludes_it(write: Write) -> None:
    root = write({"old/x.py": "", "old/sub/y.py": ""})
    assert found(root, extend_exclude=("old",)) == []
    assert found(root, "old", extend_exclude=("old",)) == ["old/sub/y.py", "old/x.py"]


def test_gitignore_files_count_where_they_lie(write: Write) -> None:
    root = write(
        {
            ".gitignore": "# made\n*_pb2.py\n/data\n!keep_pb2.py\n",
            ".git/info/exclude": "scratch.py\n",
            "a_pb2.py": "", "keep_pb2.py": "", "scratch.py": "", "data/x.py": "", "pkg/data/x.py": "",
            "pkg/.gitignore": "!a_pb2.py\nlocal/\n", "pkg/a_pb2.py": "", "pkg/local/x.py": "",
        }
    )  # fmt: skip
    assert found(root) == ["keep_pb2.py", "pkg/a_pb2.py", "pkg/data/x.py"]
    assert found(root, "pkg") == ["pkg/a_pb2.py", "pkg/data/x.py"], "also from below"
    assert found(root, "data") == ["data/x.py"], "but what is named is looked at"


def test_gitignore_files_above_the_repository_do_not_count(write: Write) -> None:
    root = write({".gitignore": "*.py\n", "inner/.git/HEAD": "", "inner/x.py": "", "inner/pkg/y.py": ""})
    assert found(root, "inner") == ["inner/pkg/y.py", "inner/x.py"]
    assert found(root, "inner/pkg") == ["inner/pkg/y.py"]


def test_each_file_once(write: Write) -> None:
    root = write({"pkg/a.py": "", "pkg/b.py": ""})
    assert found(root, "pkg", ".", "pkg/a.py", str(root / "pkg" / "b.py")) == ["pkg/a.py", "pkg/b.py"]


@links
def test_links(write: Write, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other").resolve()
    (other / "shared.py").touch()
    root = write({"pkg/a.py": ""})
    (root / "pkg" / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "twice").symlink_to("pkg")
    (root / "0_alias.py").symlink_to("pkg/a.py")
    (root / "gone.py").symlink_to("nowhere.py")
    (root / "others").symlink_to(other)
    (root / "pkg" / "others_again").symlink_to(other)
    (other / "back").symlink_to(root)
    assert found(root) == ["others/shared.py", "pkg/a.py"]
    assert found(root, "0_alias.py") == ["0_alias.py"]
    assert found(root, "twice") == ["twice/a.py", "twice/others_again/shared.py"]


def test_a_folder_with_the_name_of_a_file(write: Write) -> None:
    root = write({"x.py/y.py": ""})
    assert found(root) == ["x.py/y.py"]
    assert found(root, "x.py") == ["x.py/y.py"]


@links
def test_pipes_and_sockets_are_passed_over(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": ""})
    os.mkfifo(root / "pipe.py")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("s.py")
        assert found(root) == ["a.py"]


def test_what_is_not_there_and_what_is_empty(write: Write) -> None:
    root = write({"docs/x.txt": "", "skipped/build/x.py": "", "a.py": ""})
    result = look(root, "a.py", "none", "docs", "skipped")
    assert names(root, result) == ["a.py"]
    assert [(f.path, f.message) for f in result.failures] == [(str(root / "none"), "there is no such file or folder")]
    assert result.warnings == [
        "no Python files under docs",
        "no Python files under skipped (1 excluded or ignored)",
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read(write: Write) -> None:
    root = write({"a.py": "", "closed/b.py": ""})
    (root / "closed").chmod(0)
    try:
        result = look(root)
    finally:
        (root / "closed").chmod(0o755)
    assert names(root, result) == ["a.py"]
    assert "cannot be read" in result.failures[0].message


def test_a_folder_that_cannot_be_listed_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": "", "closed/b.py": ""})
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = look(root)
    assert names(root, result) == ["a.py"]
    assert [f.message for f in result.failures] == ["the folder cannot be read: Permission denied"]


def test_folders_far_deeper_than_any_project(write: Write) -> None:
    root = write({})
    # no deeper: pytest could not take them away again
    here = os.getcwd()
    try:
        for _ in range(400):
            os.mkdir("d")
            os.chdir("d")
    except OSError:
        pass
    finally:
        Path("x.py").touch()
        os.chdir(here)
    assert len(look(root).files) + len(look(root).failures) == 1
