"""Baselines: which findings are known, and how they are written down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor.baseline import Baseline, Entry, parse, render
from torchdoctor.errors import BaselineError
from torchdoctor.fingerprint import Fingerprint

FIT = Fingerprint("rule", "loss.backward()", "fit", "up", "down")
TRAIN = replace(FIT, scope="train", above="a", below="b")


def known(*prints: Fingerprint, path: str = "a.py") -> Baseline:
    return Baseline([Entry(path, each) for each in prints])


def matched(baseline: Baseline, *found: Fingerprint, path: str = "a.py") -> tuple[set[int], int]:
    """Indices of the known findings, and how many entries are left."""
    met, left = baseline.match(path, found)
    return met, len(left)


def test_what_is_known_is_known_once() -> None:
    assert matched(known(FIT), FIT) == ({0}, 0)
    assert matched(known(FIT), FIT, FIT) == ({0}, 0), "the second copy is new"
    assert matched(known(FIT, FIT), FIT, FIT) == ({0, 1}, 0)
    assert matched(known(FIT, FIT), FIT) == ({0}, 1)
    assert matched(known(FIT), FIT, path="b.py") == (set(), 0)
    assert matched(known(), FIT) == (set(), 0)


def test_the_likest_is_taken_and_the_copy_is_told() -> None:
    copy = replace(FIT, scope="fit_too")
    assert matched(known(FIT), copy, FIT) == ({1}, 0)
    assert matched(known(FIT, TRAIN), TRAIN, copy, FIT) == ({0, 2}, 0)
    nearer = replace(FIT, below="x")
    assert matched(known(FIT), replace(nearer, above="x"), nearer) == ({1}, 0)


def test_one_that_is_gone_does_not_hide_another_elsewhere() -> None:
    assert matched(known(FIT), TRAIN) == (set(), 1)
    assert matched(known(FIT), replace(FIT, scope="renamed")) == ({0}, 0), "its neighbours are there"
    assert matched(known(FIT), replace(FIT, above="x", below="y")) == ({0}, 0), "its function is there"
    assert matched(known(FIT), replace(FIT, code="total.backward()")) == (set(), 1)


def test_the_file() -> None:
    text = render(known(TRAIN, FIT))
    assert text.isascii() and text.endswith("}\n")
    assert json.loads(text)["findings"][0] == {
        "path": "a.py",
        "rule": "rule",
        "scope": "fit",
        "code": "loss.backward()",
        "above": "up",
        "below": "down",
    }
    rows = [line for line in text.splitlines() if "backward" in line]
    assert len(rows) == 2, "a line each: two branches that add entries can be merged"
    assert render(known(FIT, TRAIN)) == text, "the order is the file's own"
    assert parse(render(Baseline()), "x").entries == []


NAMES = st.text(st.characters(exclude_categories=()), max_size=5)


@given(st.lists(st.builds(Entry, NAMES, st.builds(Fingerprint, NAMES, NAMES, NAMES, NAMES, NAMES)), max_size=4))
def test_what_is_written_is_read(entries: list[Entry]) -> None:
    baseline = Baseline(entries)
    assert parse(render(baseline), "x").entries == baseline.entries


ROW = {"path": "a.py", "rule": "r", "scope": "", "code": "x", "above": "", "below": ""}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "b.json is not JSON, as a baseline is"),
        ("<<<<<<< HEAD\n{}", "b.json is not JSON"),
        ("[]", "b.json is no baseline of torchdoctor"),
        ('{"version": 1, "findings": []}', "b.json is no baseline of torchdoctor"),
        ("[" * 100_000, "b.json is no"),
        (
            '{"torchdoctor": "baseline", "version": 2}',
            "b.json has the form 2 of baselines; this torchdoctor reads form 1",
        ),
        ('{"torchdoctor": "baseline", "version": 1}', "b.json has no list `findings`"),
        ([ROW, {"path": "a.py"}], "b.json: finding 2 is not as torchdoctor writes it"),
        ([{**ROW, "above": None}], "b.json: finding 1 is not"),
        ([{**ROW, "line": 3}], "b.json: finding 1 is not"),
        ([3], "b.json: finding 1 is not"),
    ],
)
def test_what_is_no_baseline_is_told(text: object, told: str) -> None:
    if not isinstance(text, str):
        text = json.dumps({"torchdoctor": "baseline", "version": 1, "findings": text})
    with pytest.raises(BaselineError) as raised:
        parse(text, "b.json")
    assert str(raised.value).startswith(told)
