"""From the command to the explanation and the report, on the simulated card, in a process of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.faces.programs import DOCTOR, run
from tests.memory.cases import CASES

CARD = """\
from tests.memory.card import Card

_card = Card({total})
_place = _card.simulated()
_place.__enter__()
device, CARD = "cpu", _card.total
"""


def program(name: str) -> str:
    case = next(one for one in CASES if one.name == name)
    return CARD.format(total=case.total) + case.program


def test_the_explanation_has_all_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(program("a batch too large for a transformer"))
    done = run([*DOCTOR, "--report", "report.json", "train.py"], tmp_path, environment={"COLUMNS": "100"})
    assert done.code == 1 and done.out == ""
    traceback, _, told = done.err.partition("\nerror[step-does-not-fit]: ")
    assert "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate" in traceback
    order = [
        "train.py:",
        "= in: `Model.blocks.",
        "where the 256 MiB of cuda:0",
        "saved activations",
        "= cure: ",
        "= or: ",
    ]
    places = [told.find(part) for part in order]
    assert -1 not in places and places == sorted(places), told
    assert all(len(row) <= 100 for row in told.splitlines()[1:] if "#" in row)
    assert "\x1b" not in told
    report = json.loads((tmp_path / "report.json").read_text())
    memory = report["failure"]["memory"]
    kinds = {part["kind"]: part["bytes"] for part in memory["parts"]}
    assert abs(sum(kinds.values()) - memory["total"]) < memory["total"] * 0.01
    assert memory["saved"][0]["type"] == "Block" and memory["batch"] == 21
    (finding,) = report["findings"]
    assert any(re.search(r"a batch of \d+ instead of 21: frees", cure) for cure in finding["cures"])


def test_colours_are_there_where_they_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(program("sequences of many lengths"))
    done = run([*DOCTOR, "train.py"], tmp_path, environment={"FORCE_COLOR": "1", "COLUMNS": "80"})
    assert "\x1b[1;31merror[fragmented-memory]: \x1b[0m" in done.err and "expandable_segments:True" in done.err


def test_a_snapshot_that_is_not_needed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch\nprint(int(torch.ones(3).sum()))\n")
    done = run([*DOCTOR, "--memory-snapshot", "oom.pickle", "train.py"], tmp_path)
    assert (done.code, done.out) == (0, "3\n")
    assert done.err == "torchdoctor: no memory snapshot: the program has not used CUDA\n"
    assert not (tmp_path / "oom.pickle").exists()


def test_a_snapshot_of_a_refusal(tmp_path: Path) -> None:
    """Where the allocator has no observer it is written as the error is told, by torch's own function."""
    (tmp_path / "train.py").write_text(program("a share of the card").replace("Card(", "Card(fraction=0.3, total="))
    done = run([*DOCTOR, "--memory-snapshot", "oom.pickle", "train.py"], tmp_path)
    assert "error[memory-cap-reached]" in done.err
    assert f"torchdoctor: memory snapshot in {tmp_path / 'oom.pickle'}: open it at https://pytorch.org" in done.err
    assert (tmp_path / "oom.pickle").stat().st_size > 100
