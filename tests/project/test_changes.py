"""Which lines have changed since a commit, asked of real repositories."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import Repository
from torchdoctor.errors import TorchdoctorError
from torchdoctor.finding import Finding, Mark, Span
from torchdoctor.project.changes import Changes, changes_since
from torchdoctor.project.past import Tree

TEN = "".join(f"line {n}\n" for n in range(1, 11))
WHOLE = [(1, 1 << 60)]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path.resolve())


def lines(repository: Repository, since: str = "HEAD", below: str = ".") -> dict[str, list[tuple[int, int]]]:
    """The changed lines, by the path in the repository."""
    changes = changes_since(since, [repository.folder / below])
    return {str(Path(path).relative_to(repository.folder)): found for path, found in changes.files.items()}


def test_nothing_has_changed(repository: Repository) -> None:
    repository.commit({"a.py": TEN})
    assert lines(repository) == {}


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (TEN.replace("line 3", "LINE 3"), [(3, 3)]),
        (TEN.replace("line 3", "new\nline 3"), [(3, 3)]),
        (TEN.replace("line 3", "a\nb") + "more\n", [(3, 4), (12, 12)]),
        (TEN.replace("line 3\n", ""), [(2, 3)]),
        (TEN.replace("line 1\n", ""), [(0, 1)]),
        (TEN.replace("line 10\n", ""), [(9, 10)]),
        (TEN.rstrip("\n"), [(10, 10)]),
        ("", [(0, 1)]),
        (TEN.replace("line 5", "+++ b/other.py\ndiff --git a/x b/x\n@@ -1 +1 @@"), [(5, 7)]),
    ],
)
def test_lines_of_a_file(repository: Repository, after: str, changed: list[tuple[int, int]]) -> None:
    repository.commit({"a.py": TEN, "b.py": TEN})
    repository.write({"a.py": after})
    assert lines(repository) == {"a.py": changed}
    repository.git("add", "a.py")
    assert lines(repository) == {"a.py": changed}, "what is staged is changed"
    repository.commit()
    assert lines(repository) == {}
    assert lines(repository, "HEAD~1") == lines(repository, "main^") == {"a.py": changed}


def test_new_files_are_changed_whole(repository: Repository) -> None:
    repository.commit({"a.py": TEN, ".gitignore": "built.py\n"})
    repository.write({"new.py": TEN, "sub/é b.py": TEN, "built.py": TEN, "added.py": TEN})
    repository.git("add", "added.py")
    assert lines(repository) == {"new.py": WHOLE, "sub/é b.py": WHOLE, "added.py": [(1, 10)]}
    assert lines(repository, below="sub") == lines(repository), "the repository is asked from its top on"


def test_a_file_that_was_moved_has_only_its_changed_lines(repository: Repository) -> None:
    repository.commit({"a.py": TEN, "b.py": TEN.replace("line", "row")})
    repository.git("mv", "a.py", "moved.py")
    (repository.folder / "b.py").unlink()
    repository.write({"moved.py": TEN.replace("line 7", "LINE 7")})
    found = lines(repository)
    assert found.pop("moved.py") == [(7, 7)]
    assert "b.py" not in found


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be there")
@pytest.mark.parametrize("name", ['q"uo\\te.py', "tab\tnew\nline.py", "é日.py", " space .py", os.fsdecode(b"\xff.py")])
def test_names_that_git_writes_in_its_own_way(repository: Repository, name: str) -> None:
    repository.commit({name: TEN})
    repository.write({name: TEN + "x\n"})
    assert lines(repository) == {name: [(11, 11)]}


def test_the_users_own_settings_of_git_make_no_difference(repository: Repository) -> None:
    repository.commit({"sub/a.py": TEN, ".gitattributes": "*.py binary diff=odd\n"})
    for name, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "diff.relative": "true", "color.ui": "always",
        "diff.external": "false", "diff.odd.textconv": "false", "diff.context": "5", "diff.interHunkContext": "9",
        "core.quotePath": "false", "diff.renames": "false", "diff.algorithm": "histogram", "core.pager": "false",
    }.items():  # fmt: skip
        repository.git("config", name, value)
    repository.write({"sub/a.py": TEN.replace("line 2", "x").replace("line 5", "y")})
    assert lines(repository, below="sub") == {"sub/a.py": [(2, 2), (5, 5)]}


def test_what_came_into_the_other_branch_does_not_count(repository: Repository) -> None:
    repository.commit({"a.py": TEN})
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit({"a.py": TEN + "mine\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"a.py": "theirs\n" + TEN})
    repository.git("checkout", "--quiet", "topic")
    assert lines(repository, "main") == {"a.py": [(11, 11)]}


def test_before_the_first_commit_all_is_changed(repository: Repository) -> None:
    repository.write({"a.py": TEN, "b.py": TEN})
    repository.git("add", "a.py")
    assert lines(repository) == {"a.py": [(1, 10)], "b.py": WHOLE}


def test_in_a_worktree_and_in_a_hook(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit({"a.py": TEN})
    repository.git("worktree", "add", "--quiet", "tree")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    (repository.folder / "tree" / "a.py").write_text(TEN + "x\n")
    found = changes_since("main", [repository.folder / "tree"]).files
    assert found == {str(repository.folder / "tree" / "a.py"): [(11, 11)]}


def test_two_repositories(tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        other = Repository(tmp_path / name)
        other.commit({"a.py": TEN})
        other.write({"a.py": TEN + name})
        folders += [other.folder, other.folder / "sub" / "that is not there"]
    assert len(changes_since("HEAD", folders).files) == 2


def test_what_is_gone(repository: Repository) -> None:
    repository.commit({"a.py": TEN, "b.py": TEN.replace("line", "row"), "c.txt": "x\n"})
    (repository.folder / "b.py").unlink()
    repository.git("mv", "a.py", "sub a.py")
    changes = changes_since("HEAD", [repository.folder])
    assert {Path(path).name for path in changes.gone} == {"a.py", "b.py"}
    assert changes.reach_python and changes.files == {}
    repository.commit()
    repository.write({"c.txt": "y\n"})
    assert not changes_since("HEAD", [repository.folder]).reach_python


def test_the_files_as_they_were(repository: Repository) -> None:
    repository.commit(
        {"pkg/a.py": TEN, "pkg/é b.py": "old\n", "c.txt": "x\n", ".gitattributes": "*.py export-ignore\n"}
    )
    repository.git("mv", "pkg/a.py", "pkg/moved.py")
    repository.write({"pkg/é b.py": "new\n", "pkg/new.py": ""})
    (tree,) = changes_since("HEAD", [repository.folder]).trees

    def then(name: str, tree: Tree = tree) -> str | None:
        path = tree.then(str(repository.folder / name))
        return path.read_text() if path is not None and path.is_file() else None

    assert (then("pkg/moved.py"), then("pkg/é b.py"), then("pkg/new.py")) == (TEN, "old\n", None)
    assert tree.then("/elsewhere/a.py") is None
    assert not list(tree.folder.glob("*.txt"))
    folder = tree.folder
    assert repository.git("diff", "--cached", "--name-only") == "pkg/moved.py", "git's own index is left alone"
    del tree, then
    gc.collect()
    assert not folder.exists()


# -- what cannot be told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["nonsense", "HEAD~9", "-x", "--output=x", "", "main..HEAD", "HEAD:a.py"])
def test_no_such_commit(repository: Repository, revision: str) -> None:
    repository.commit({"a.py": TEN})
    with pytest.raises(TorchdoctorError) as raised:
        lines(repository, revision)
    assert str(raised.value) == f"--changed-since: git knows no commit {revision!r} here"
    assert sorted(os.listdir(repository.folder)) == [".git", "a.py"]


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(TorchdoctorError, match="is in no repository of git: fatal: not a git repository"):
        changes_since("HEAD", [tmp_path])


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    with pytest.raises(TorchdoctorError, match="--changed-since asks git, which cannot be run: No such file"):
        lines(repository)


def test_a_shallow_clone_is_told_as_such(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.py": TEN})
    repository.git("branch", "old")
    repository.commit({"a.py": TEN + "x"})
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", "--no-single-branch", repository.folder.as_uri(), str(clone)],
        check=True,
    )
    for revision, told in (("HEAD~1", "knows no commit 'HEAD~1' here"), ("origin/old", "have no commit in common")):
        with pytest.raises(TorchdoctorError) as raised:
            changes_since(revision, [clone])
        assert told in str(raised.value)
        assert "the clone is shallow" in str(raised.value) and "fetch-depth: 0" in str(raised.value)


# -- which findings that leaves ----------------------------------------------------------------------------------------


def finding(line: int, end_line: int = 0, mark: Span | None = None) -> Finding:
    marks = (Mark(mark, "here"),) if mark else ()
    return Finding("rule", f"line {line}", Span("/a.py", line, 1, end_line or line, 5), marks)


def within(changes: Changes, *findings: Finding, text: str | None = None) -> list[int]:
    return sorted(found.at.line for index in changes.touched(findings, "/a.py", text) if (found := findings[index]).at)


def test_place_or_mark_on_a_changed_line() -> None:
    changes = Changes("main", {"/a.py": [(3, 4), (9, 9)], "/b.py": [(1, 1)]})
    assert within(changes, *map(finding, range(1, 12))) == [3, 4, 9]
    assert within(changes, finding(1, 3), finding(5, 8), finding(5, 9)) == [1, 5]
    here, there, nowhere = Span("/a.py", 9, 1, 9, 2), Span("/b.py", 1, 1, 1, 2), Span("/b.py", 2, 1, 2, 2)
    assert within(changes, finding(1, mark=here), finding(2, mark=there), finding(5, mark=nowhere)) == [1, 2]
    assert changes.touched([Finding("rule", "no place", None)], "/a.py") == {0}
    assert changes.speak_of("/b.py") and not changes.speak_of("/x.py")


def test_lines_move_with_an_edit(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    Path(path).write_text(TEN)
    changes = Changes("main", {os.path.realpath(path): [(3, 4), (9, 9)]})

    def left(text: str) -> list[int]:
        every = [Finding("rule", "m", Span(path, n, 1, n, 2)) for n in range(1, text.count("\n") + 1)]
        return sorted(index + 1 for index in changes.touched(every, path, text))

    assert left(TEN) == [3, 4, 9]
    assert left("new\n" + TEN) == [1, 4, 5, 10]
    assert left(TEN.replace("line 4\n", "")) == [3, 4, 8]
    assert left(TEN.replace("line 6", "line six")) == [3, 4, 6, 9]
    assert left(TEN.replace("line 3\nline 4\n", "other\n")) == [3, 8]
