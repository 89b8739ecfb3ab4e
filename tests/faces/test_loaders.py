"""What DataLoader workers raise comes with notes on the sample, by fork and by spawn, and is else what it was."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.faces.programs import DOCTOR, PLAIN, run  # noqa: E402
from torchdoctor.pasted import failures_in  # noqa: E402
from torchdoctor.probes import loading  # noqa: E402

LOADS = """\
import sys
import traceback
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


class Images(Dataset):
    def __init__(self, fault):
        self.fault = fault

    def __len__(self):
        return 8

    def __getitem__(self, number):
        if number == 6 and self.fault == "item":
            raise ValueError("in my own words")
        if number == 6 and self.fault == "key":
            {}["x"]
        if number == 6 and self.fault == "odd":
            raise Odd(1, 2)
        assert type(get_worker_info().dataset) is Images
        return {"image": torch.zeros(3, 5 + (number == 6 and self.fault == "ragged")), "label": number}


class Stream(IterableDataset):
    def __iter__(self):
        yield from (torch.zeros(2) for _ in range(5))
        raise ValueError("the stream broke")


def mine(batch):
    raise TypeError("cannot collate")


if __name__ == "__main__":
    method, *faults = sys.argv[1:]
    for fault in faults:
        dataset = Stream() if fault == "stream" else Images(fault)
        collate = mine if fault == "collate" else None
        try:
            for batch in DataLoader(dataset, 4, num_workers=1, collate_fn=collate, multiprocessing_context=method):
                print("a batch")
        except Exception:
            print(f"== {fault}\\n{traceback.format_exc()}")
"""
NOTES = {
    "item": ["sample index 6, in the batch [4, 5, 6, 7]"],
    "key": ["sample index 6, in the batch [4, 5, 6, 7]"],
    "odd": ["sample index 6, in the batch [4, 5, 6, 7]"],
    "ragged": [
        "items of the batch: 3 of 4 are {'image': (3, 5) float32, 'label': int}",
        "item of sample index 6: {'image': (3, 6) float32, 'label': int}",
    ],
    "collate": ["items of the batch: 4 of 4 are {'image': (3, 5) float32, 'label': int}"],
    "stream": ["sample 1 (from 0) of a batch of 4"],
}


def without_notes(text: str) -> str:
    return "".join(row for row in text.splitlines(keepends=True) if not row.startswith("[torchdoctor] "))


@pytest.mark.parametrize(("method", "faults"), [("fork", list(NOTES)), ("spawn", ["ragged"])])
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_the_sample_is_named_and_nothing_else_changes(tmp_path: Path, method: str, faults: list[str]) -> None:
    (tmp_path / "train.py").write_text(LOADS)
    plain = run([*PLAIN, "train.py", method, *faults], tmp_path)
    ours = run([*DOCTOR, "train.py", method, *faults], tmp_path)
    assert (ours.code, without_notes(ours.out)) == (plain.code, plain.out)
    told = dict(part.split("\n", 1) for part in ours.out.split("== ")[1:])
    assert list(told) == faults
    for fault, text in told.items():
        assert re.findall(r"^\[torchdoctor\] (.*)$", text, re.MULTILINE) == NOTES[fault], fault
        failure = failures_in(text)[0]
        assert failure.exception.notes == tuple(NOTES[fault]) and failure.worker == 0


@pytest.fixture
def fetch_steps() -> Any:
    """The traceback of a fetch in this process."""
    from torch.utils.data._utils.fetch import _MapDatasetFetcher

    def steps(dataset: Any, indices: Any, collate: Any = list) -> list[str]:
        try:
            fetcher: Any = _MapDatasetFetcher(dataset, isinstance(indices, list), collate, False)
            fetcher.fetch(indices)
        except Exception as error:
            return list(loading.notes(error.__traceback__))
        return []

    return steps


class Rebinds:
    def __getitem__(self, index: int) -> int:
        index = 99
        raise ValueError(index)


class Whole:
    def __getitems__(self, indices: list[int]) -> None:
        raise ValueError("all at once")


def test_what_cannot_be_told_is_not_told(fetch_steps: Any) -> None:
    told = fetch_steps(Rebinds(), [4, 5])
    assert told in (["sample of the batch [4, 5]"], ["sample index 4, in the batch [4, 5]"])  # by what Python keeps
    assert fetch_steps(Whole(), [4, 5]) == ["sample of the batch [4, 5]"]
    assert fetch_steps(Rebinds(), 7) == ["sample index 7"]
    assert list(loading.notes(None)) == []


def test_many_odd_items_and_long_ones(fetch_steps: Any) -> None:
    def collate(batch: list[Any]) -> None:
        raise ValueError

    told = fetch_steps([torch.zeros(n) for n in range(40)], list(range(40)), collate)
    assert (
        told[0].startswith("items of the batch: 1 of 40 are (")
        and told[-1] == "items beyond: 23 more"
        and len(told) == 18
    )
    nested = [[(torch.zeros(1), "a text", None, [torch.zeros(2)] * 30)]]
    (told,) = fetch_steps(nested, [0], collate)
    assert told.startswith("items of the batch: 1 of 1 are [((1,) float32, str of 6, NoneType, [") and "..." in told


def test_a_fault_in_the_notes_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "notes", lambda traceback: 1 / 0)
    error = ValueError("x")
    assert loading._noted(error) == [] and not hasattr(error, "__notes__") and loading._noted(None) == []


def test_it_is_put_in_and_taken_out() -> None:
    from torch.utils.data._utils import worker

    loop = worker._worker_loop
    loading.watch_loaders()
    loading.watch_loaders()
    assert worker._worker_loop is loading.worker_loop
    loading.leave_loaders()
    loading.leave_loaders()
    assert worker._worker_loop is loop


def test_waiting_for_torch_leaves_imports_as_they_are(tmp_path: Path) -> None:
    code = (
        "import sys, torchdoctor\nbefore = list(sys.meta_path)\n"
        "torchdoctor.watch_loaders()\ntorchdoctor.watch_loaders()\nassert len(sys.meta_path) == len(before) + 1\n"
        "import torch.utils.data\nassert sys.meta_path[-len(before):] == before\n"
        "from torch.utils.data._utils import worker\n"
        "assert worker.__spec__.name == worker.__name__ and worker.__spec__.origin == worker.__file__\n"
        "print(worker._worker_loop.__module__, [f for f in sys.meta_path if 'torchdoctor' in type(f).__module__])"
    )
    assert run([*PLAIN, "-c", code], tmp_path).out == "torchdoctor.probes.loading []\n"


CROPS = """\
import sys
import torch
from torch.utils.data import DataLoader, Dataset


class Crops(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, number):
        crop = torch.zeros(3, 8, 8).transpose(1, 2)
        return crop.view(-1)


if __name__ == "__main__":
    for batch in DataLoader(Crops(), 4, num_workers=1, multiprocessing_context=sys.argv[1]):
        pass
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_what_stood_in_the_worker_s_frames_is_told(tmp_path: Path, method: str) -> None:
    """Not only the text: the record itself comes home, with the operands' strides."""
    (tmp_path / "train.py").write_text(CROPS)
    err = run([*DOCTOR, "train.py", method], tmp_path).err
    told = err[err.index("error[view-on-noncontiguous]") :]
    assert "train.py:12:16" in told and "crop  (3, 8, 8) float32 strides (64, 1, 8)" in told
    assert "= in: DataLoader worker 0; sample index 0, in the batch [0, 1, 2, 3]" in told
