"""What is remembered, and when it is not believed any more."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.project.conftest import SICK, WELL
from torchdoctor.config import Settings
from torchdoctor.facts.modules import digest
from torchdoctor.finding import Edit, Finding, Mark, Span
from torchdoctor.project import cache as cache_module
from torchdoctor.project import workers
from torchdoctor.project.cache import FOLDER, Cache, key
from torchdoctor.project.report import Examined, Failure, Report
from torchdoctor.project.run import Run

Write = Callable[[Mapping[str, "str | bytes"]], Path]
SOFTMAX = "import torch\n\ndef out(x):\n    return torch.softmax(x, 1)\n"
PLAIN = "import torch\n\ndef out(x):\n    return torch.tanh(x)\n"
LOSS = (
    "import torch.nn.functional as F\nfrom {0} import out\n\ndef train(x, y):\n    return F.cross_entropy(out(x), y)\n"
)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were looked at, not remembered."""
    names: list[str] = []
    real = workers.examine_all

    def examine_all(tasks: list[workers.Task], *args: object, **more: object) -> workers.Done:
        names.extend(Path(path).name for path, _ in tasks)
        return real(tasks, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "examine_all", examine_all)
    return names


def run(root: Path, *paths: Path, **changes: object) -> Report:
    return Run(replace(Settings(root, jobs=1), **changes), paths or [root], keep=True).report()  # type: ignore[arg-type]


def old(root: Path) -> None:
    """Put the files' time stamps far enough back to be believed."""
    past = time.time() - 60
    for path in root.rglob("*.py"):
        os.utime(path, (past, past))


def test_the_second_run_looks_at_nothing_and_says_the_same(write: Write, looked_at: list[str]) -> None:
    root = write({"a.py": SICK, "b.py": WELL, "c.py": "x = (\n# torchdoctor:\n", "d.py": "x = 1\n"})
    first = run(root)
    assert sorted(looked_at) == ["a.py", "b.py", "c.py", "d.py"]
    looked_at.clear()
    second = run(root)
    assert looked_at == []
    assert second == first
    assert len(first.findings) == 1 and len(first.failures) == 1


def test_a_file_that_changed_is_looked_at_anew(write: Write, looked_at: list[str]) -> None:
    root = write({"a.py": SICK, "b.py": WELL})
    run(root)
    looked_at.clear()
    write({"b.py": SICK})
    assert len(run(root).findings) == 2
    assert looked_at == ["b.py"]


def test_a_change_within_the_grain_of_the_clock_is_seen(write: Write, looked_at: list[str]) -> None:
    root = write({"a.py": SICK})
    status = (root / "a.py").stat()
    assert len(run(root).findings) == 1
    same_size = SICK.replace("no_grad()", "is_grad()")
    (root / "a.py").write_text(same_size[: len(SICK)])
    os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run(root).findings == []


def test_an_old_file_is_believed_by_its_stamps(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": SICK})
    monkeypatch.setattr(cache_module, "_UNSURE_NS", -(10**12))  # as if the files had been there for long
    run(root)
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("read") if path.name == "a.py" else real(path))
    assert len(run(root).findings) == 1


@pytest.mark.parametrize("between", ["", "middle"], ids=["direct", "through a re-export"])
def test_a_neighbour_that_changed_makes_anew_what_was_drawn_from_it(
    write: Write, looked_at: list[str], between: str
) -> None:
    files = {"heads.py": SOFTMAX, "loss.py": LOSS.format(between or "heads"), "other.py": WELL}
    if between:
        files["middle.py"] = "from heads import out\n"
    root = write(files)
    assert [f.rule for f in run(root)] == ["softmax-before-cross-entropy"]
    looked_at.clear()
    assert len(run(root).findings) == 1 and looked_at == []
    write({"heads.py": PLAIN})
    assert run(root).findings == []
    assert {"heads.py", "loss.py"} <= set(looked_at) and "other.py" not in looked_at
    write({"heads.py": SOFTMAX})
    assert len(run(root).findings) == 1


def test_a_neighbour_that_appears_or_goes_counts(write: Write, looked_at: list[str]) -> None:
    root = write({"loss.py": LOSS.format("heads")})
    assert run(root).findings == []
    write({"heads.py": SOFTMAX})
    assert len(run(root).findings) == 1
    os.unlink(root / "heads.py")
    assert run(root).findings == []
    write({"heads/__init__.py": SOFTMAX})
    assert len(run(root).findings) == 1


def test_what_another_run_has_seen_of_a_neighbour_is_not_taken_for_what_this_file_saw(write: Write) -> None:
    root = write({"heads.py": SOFTMAX, "loss.py": LOSS.format("heads"), "loss2.py": LOSS.format("heads")})
    assert len(run(root).findings) == 2
    write({"heads.py": PLAIN})
    assert run(root, root / "loss2.py").findings == []  # only this one is looked at
    assert run(root).findings == []


def test_a_file_that_changes_while_it_is_looked_at_is_not_remembered(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write({"a.py": WELL})
    real = workers.examine_all

    def examine_all(*args: object, **more: object) -> workers.Done:
        done = real(*args, **more)  # type: ignore[arg-type]
        (root / "a.py").write_text(SICK)
        return done

    monkeypatch.setattr(workers, "examine_all", examine_all)
    assert run(root).findings == []
    monkeypatch.setattr(workers, "examine_all", real)
    assert len(run(root).findings) == 1


def test_rules_settings_and_files_of_their_own_do_not_mix(write: Write) -> None:
    root = write({"a.py": SICK})
    assert len(run(root).findings) == 1
    assert run(root, ignore=("bare-grad-context",)).findings == []
    assert run(root, per_file_ignores=(("a.py", ("evaluation",)),)).findings == []
    assert len(run(root).findings) == 1


def test_results_that_may_end_otherwise_are_not_kept(write: Write, looked_at: list[str]) -> None:
    root = write({"a.py": WELL})
    cache = Cache(root / FOLDER / "x.json")
    cache.put([(Examined(str(root / "a.py"), "d", failures=(Failure("a.py", "m"),), lasting=False), "")], {})
    cache.save()
    assert Cache(cache.path).get(str(root / "a.py"), "") is None


def test_the_key_names_all_that_a_result_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = key({"a"}, [tmp_path])
    assert key({"a"}, [tmp_path]) == first
    assert key({"b"}, [tmp_path]) != first
    assert key({"a"}, [tmp_path / "src"]) != first
    monkeypatch.setattr("torchdoctor.project.cache._libcst_version", lambda: "0")
    assert key({"a"}, [tmp_path]) != first


def test_the_folder_keeps_itself_out_of_git_and_stays_small(write: Write) -> None:
    root = write({"a.py": WELL})
    for number in range(cache_module._MOST_PROJECTS + 3):
        run(root, per_file_ignores=(), extend_select=(), ignore=("grad",) if number % 2 else ())
        (root / FOLDER / f"other{number}.json").write_text("{}")
    run(root, select=("loss",))
    assert (root / FOLDER / ".gitignore").read_text().endswith("*\n")
    assert len(list((root / FOLDER).glob("*.json"))) <= cache_module._MOST_PROJECTS
    assert not list((root / FOLDER).glob("*.tmp"))


def test_files_that_are_gone_are_forgotten(write: Write) -> None:
    root = write({"a.py": WELL, "b.py": WELL})
    run(root)
    os.unlink(root / "b.py")
    run(root)
    (kept,) = (root / FOLDER).glob("*.json")
    assert "b.py" not in kept.read_text()


def test_a_folder_that_cannot_be_written_is_no_failure(write: Write) -> None:
    root = write({"a.py": SICK, "file": ""})
    report = run(root, cache_dir=str(root / "file" / "deeper"))
    assert len(report.findings) == 1 and report.failures == []


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b'{"files": 3}', b"\xff", b'{"files":[["a"]]}', b"[" * 9999]
)
def test_a_damaged_cache_is_as_good_as_none(write: Write, damage: bytes) -> None:
    root = write({"a.py": SICK})
    run(root)
    (kept,) = (root / FOLDER).glob("*.json")
    kept.write_bytes(damage)
    assert len(run(root).findings) == 1
    json.loads(kept.read_bytes())


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_any_change_of_the_document_does_no_harm(tmp_path: Path, data: st.DataObject) -> None:
    path, source = tmp_path / "x.json", tmp_path / "a.py"
    source.write_text(SICK)
    cache = Cache(path)
    finding = Finding("bare-grad-context", "m", Span(str(source), 1, 1, 1, 2))
    cache.put([(Examined(str(source), digest(SICK.encode()), (finding,)), "")], {})
    cache.save()
    document = json.loads(path.read_bytes())
    where = document
    while isinstance(where, (dict, list)) and where:
        index = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        if data.draw(st.booleans()) or not isinstance(where[index], (dict, list)):
            where[index] = data.draw(st.sampled_from([None, 0, "", [], {}, [1], "x", -1, 1e9, [[]], True]))
            break
        where = where[index]
    path.write_text(json.dumps(document))
    result = Cache(path).get(str(source), "")
    assert result is None or isinstance(result, Examined)


def test_a_finding_comes_back_whole(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("x")
    at = Span(str(source), 1, 2, 3, 4)
    finding = Finding("r", "é", at, (Mark(at, "m"),), ("seen",), (Edit(at, "\r\n"),))
    nowhere = Finding("r", "m", None)
    examined = Examined(str(source), digest(b"x"), (finding, nowhere), (Failure("a.py", "why", 3),))
    cache = Cache(tmp_path / "c.json")
    cache.put([(examined, "rules")], {})
    cache.save()
    assert Cache(tmp_path / "c.json").get(str(source), "rules") == examined
    assert Cache(tmp_path / "c.json").get(str(source), "others") is None


GUARDED = "import torch\n\ndef run(x):\n    return x.cuda()\n"
CALLING = "import torch\nfrom guarded import run\n\nif torch.cuda.is_available():\n    run(x)\n"


def test_who_calls_a_function_counts(write: Write, looked_at: list[str]) -> None:
    """What other files do before they call a function decides what is found in it."""
    root = write({"guarded.py": GUARDED, "other.py": WELL})
    assert [f.rule for f in run(root)] == ["cuda-without-availability-check"]
    write({"calling.py": CALLING})
    assert run(root).findings == []
    looked_at.clear()
    assert run(root).findings == [] and looked_at == []
    write({"other.py": WELL + "\n\ndef g():\n    return f(1, 2)\n"})
    assert run(root).findings == [] and looked_at == ["other.py"]
    write({"calling.py": CALLING.replace("if torch.cuda.is_available():", "if x:")})
    assert len(run(root).findings) == 1
    os.unlink(root / "calling.py")
    assert len(run(root).findings) == 1
