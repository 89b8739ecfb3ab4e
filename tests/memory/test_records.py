"""Recorded failures, replayed: no GPU and no torch is needed to give the verdict."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.memory.cases import CASES, CONTROLS
from tests.records.capture import slug
from torchdoctor.diagnose import diagnose
from torchdoctor.faces.explanation import render
from torchdoctor.faces.paint import Paint, cells
from torchdoctor.record import Failure
from torchdoctor.record_json import restored

FOLDER = Path(__file__).parent.parent / "records" / "memory"
RECORDS = sorted(FOLDER.rglob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_record_is_told_as_it_was(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    failure = restored(Failure, record["failure"])
    found = diagnose(failure)
    assert [one.rule for one in found] == [record["verdict"]]
    for width in (120, 60, 40):
        text = render(failure, found, Paint(False, width))
        rows = text.splitlines()
        assert rows[0].startswith(f"error[{record['verdict']}]")
        table = [row for row in rows if row.endswith("#") or "%" in row]
        assert all(cells(row) <= max(width, 50) for row in table), "\n".join(table)
        where = next(i for i, row in enumerate(rows) if "where the" in row)
        cure = next(i for i, row in enumerate(rows) if "= cure: " in row)
        assert where < cure, "where the bytes are comes before what to do"


def test_every_case_has_its_record() -> None:
    assert len([path for path in RECORDS if path.parent.name == "simulated"]) == len(CASES) + len(CONTROLS)
    for case in (*CASES, *CONTROLS):
        path = FOLDER / "simulated" / f"{slug(case.name)}.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        assert record["verdict"] == case.verdict and record["simulated"] is True


def test_records_name_no_machine() -> None:
    for path in RECORDS:
        strings = re.findall(r'"[^"]*"', path.read_text(encoding="utf-8"))
        paths = [one for one in strings if re.match(r"""["']+(?:/|[A-Z]:)[\w.]""", one)]
        assert not paths, f"{path.name}: {paths[:3]}"
