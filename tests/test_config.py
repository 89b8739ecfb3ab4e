"""Settings from files: which file counts, what each key takes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor import catalogue, config
from torchdoctor.config import Settings, holds, load
from torchdoctor.errors import ConfigError, TorchdoctorError

RULE = "bare-grad-context"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    return tmp_path


def written(path: Path, text: str) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load([path.parent])


def test_without_a_file_the_defaults_hold(project: Path) -> None:
    settings = load([project / "pkg"])
    assert settings == Settings(root=project)
    assert settings.rules() == catalogue.select()


def test_every_key(project: Path) -> None:
    settings = written(
        project / "pyproject.toml",
        f"""
        [project]
        name = "x"
        [tool.torchdoctor]
        select = ["evaluation", "error"]
        extend-select = ["unused-suppression"]
        ignore = ["{RULE}"]
        exclude = ["old"]
        extend-exclude = ["made/**"]
        fail-on = "error"
        target-torch = "2.6"
        jobs = 3
        cache-dir = ".cache"
        format = "concise"
        [tool.torchdoctor.per-file-ignores]
        "tests/**" = ["{RULE}", "speed"]
        """,
    )
    assert settings == Settings(
        root=project,
        source=project / "pyproject.toml",
        select=("evaluation", "error"),
        extend_select=("unused-suppression",),
        ignore=(RULE,),
        exclude=("old",),
        extend_exclude=("made/**",),
        per_file_ignores=(("tests/**", (RULE, "speed")),),
        target_torch="2.6",
        fail_on="error",
        format="concise",
        jobs=3,
        cache_dir=".cache",
    )
    on = settings.rules()
    assert RULE not in on and "unused-suppression" in on and "missing-super-init" in on


def test_a_name_that_is_selected_as_well_beats_a_group_that_is_ignored(project: Path) -> None:
    settings = written(project / "torchdoctor.toml", f'ignore = ["evaluation"]\nextend-select = ["{RULE}"]\n')
    assert RULE in settings.rules()
    assert "uncalled-method" not in settings.rules()


@pytest.mark.parametrize("name", ["torchdoctor.toml", ".torchdoctor.toml"])
def test_a_file_of_our_own_has_its_keys_at_the_top_and_goes_before_pyproject(project: Path, name: str) -> None:
    (project / "pyproject.toml").write_text("[tool.torchdoctor]\njobs = 1\n")
    assert written(project / name, "jobs = 2\n").jobs == 2


def test_the_nearest_file_counts_and_one_without_our_table_is_passed_over(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.torchdoctor]\njobs = 1\n")
    (project / "pkg" / "pyproject.toml").write_text("[tool.black]\nline-length = 3\n")
    assert load([project / "pkg" / "sub"]).jobs == 1
    (project / "pkg" / "sub" / "pyproject.toml").write_text("[tool.torchdoctor]\njobs = 2\n")
    assert load([project / "pkg" / "sub" / "a.py"]).jobs == 2
    assert load([project / "pkg" / "sub", project / "pkg"]).jobs == 1, "what is above both paths counts"


def test_a_pyproject_that_is_not_toml_matters_only_if_it_speaks_of_us(project: Path) -> None:
    assert written(project / "pyproject.toml", "[tool.black\n").source is None
    with pytest.raises(ConfigError, match=r"pyproject\.toml is not TOML"):
        written(project / "pyproject.toml", "[tool.torchdoctor\n")


def test_isolated_reads_nothing(project: Path) -> None:
    (project / "torchdoctor.toml").write_text("jobs = 2\n")
    assert load([project], isolated=True) == Settings(root=project)


def test_a_file_that_is_named_counts_wherever_it_lies(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "mine.toml"
    other.write_text("jobs = 7\n")
    settings = load([project], config=other)
    assert settings.jobs == 7 and settings.root == other.parent
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        load([project], config=project / "none.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("selct = []", "torchdoctor.toml:1: there is no key `selct`; did you mean `select`?"),
        ("\nper_file_ignores = {}", "torchdoctor.toml:2: there is no key `per_file_ignores`; did you mean"),
        ("zzz = 1", "there is no key `zzz`; known: baseline, cache-dir, exclude"),
        ('select = "all"', "`select` is a list of strings, not 'all'"),
        ("select = [1]", "`select` is a list of strings"),
        ('select = ["bare-grad-contxt"]', "did you mean bare-grad-context?"),
        ('jobs = 1\nignore = ["evaluatoin"]', "torchdoctor.toml:2: 'evaluatoin' is not a rule"),
        ('fail-on = "eror"', "`fail-on` is one of note, warning, error, never, not 'eror'; did you mean `error`?"),
        ('format = "xml"', "`format` is one of text, concise, json, sarif, github"),
        ("jobs = -1", "`jobs` is a number of processes"),
        ("jobs = true", "`jobs` is a number of processes"),
        ("target-torch = 2.6", '`target-torch` is a version of torch, as "2.6"'),
        ('target-torch = "new"', "`target-torch` is a version of torch"),
        ('cache-dir = ""', "`cache-dir` is a string"),
        ('per-file-ignores = ["x"]', "`per-file-ignores` is a table of lists"),
        ('per-file-ignores = {"a" = "x"}', "`per-file-ignores` is a list of strings"),
        ('[per-file-ignores]\n"a" = ["nothing-like-it"]', "torchdoctor.toml:1: 'nothing-like-it' is not a rule"),
        ("extend-exclude = [1]", "`extend-exclude` is a list of strings"),
        ("jobs = \n", "is not TOML"),
    ],
)
def test_what_is_said_of_a_wrong_key_or_value(project: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        written(project / "torchdoctor.toml", text)
    assert told in str(raised.value)
    assert str(raised.value).startswith("torchdoctor.toml")


def test_the_line_of_a_key_is_the_one_in_our_table(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"^pyproject\.toml:4: `select`"):
        written(project / "pyproject.toml", '[tool.ruff]\nselect = ["E"]\n[tool.torchdoctor]\nselect = "E"\n')


def test_our_table_is_a_table(project: Path) -> None:
    with pytest.raises(ConfigError, match="is a table"):
        written(project / "pyproject.toml", "[tool]\ntorchdoctor = 3\n")


def test_bytes_that_are_no_text(project: Path) -> None:
    (project / "torchdoctor.toml").write_bytes(b"jobs = \xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load([project])


def test_a_mark_and_carriage_returns_do_no_harm(project: Path) -> None:
    (project / "torchdoctor.toml").write_bytes(b"\xef\xbb\xbfjobs = 2\r\n")
    assert load([project]).jobs == 2


@pytest.mark.parametrize(
    ("versions", "target", "expected"),
    [
        ("", "2.6", True),
        (">=2.6", "2.6", True),
        (">=2.6", "2.6.1", True),
        (">=2.10", "2.9", False),
        ("<2.6", "2.6.0", False),
        (">=2.1,<2.6", "2.5.1", True),
        (">=2.1, <2.6", "2.6", False),
        ("==2.4", "2.4.0", True),
        ("!=2.4", "2.4", False),
        (">2.4,<=2.5", "2.5", True),
    ],
)
def test_ranges_of_versions(versions: str, target: str, expected: bool) -> None:
    assert holds(versions, target) is expected


def test_a_rule_that_does_not_hold_for_the_target_is_off(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    known = dict(catalogue.rules())
    known[RULE] = replace(known[RULE], torch=">=2.6")
    monkeypatch.setattr(catalogue, "rules", lambda: known)
    assert RULE in Settings(project, target_torch="2.6").rules()
    assert RULE not in Settings(project, target_torch="2.5").rules()
    assert RULE in Settings(project).rules()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.sampled_from(["error", "all", "text", "2.6", ""])),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from([*config._KEYS, "selct"]), VALUES, max_size=3))
def test_any_table_gives_settings_or_is_told(tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]) -> None:
    import json

    path = tmp_path_factory.mktemp("any") / "torchdoctor.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    try:
        settings = load([path.parent], config=path)
    except TorchdoctorError as error:
        assert "torchdoctor.toml" in str(error)
    else:
        assert settings.rules() <= set(catalogue.rules())
