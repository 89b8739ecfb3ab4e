"""What is known of a loader's batches, against the batches that torch makes."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import torch

from torchdoctor.facts.file import File
from torchdoctor.facts.values import Made, Sequence, Tensor, Value

_HEAD = """
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

class Points(Dataset):
    def __init__(self, n):
        self.x, self.y = torch.randn(n, 10), torch.randint(0, 3, (n,))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i], float(self.y[i]), int(self.y[i]), 0.5

class Named(Points):
    def __getitem__(self, i):
        return {"image": self.x[i].view(2, 5), "weight": 1.0}
"""
_LOADERS = [
    "DataLoader(TensorDataset(torch.randn(8, 3), torch.arange(8)), batch_size=4)",
    "DataLoader(Points(8), 4, shuffle=True)",
    "DataLoader(dataset=Points(8), batch_size=4, collate_fn=None)",
    "DataLoader(Named(8), batch_size=4)",
    "DataLoader(Points(8), batch_size=None)",
    "DataLoader(Points(8), batch_size=4, collate_fn=lambda samples: samples)",
]


def _known(text: str) -> Value:
    file = File(textwrap.dedent(text), "x.py")
    return file.flows.module.end.names["batch"]


@pytest.mark.parametrize("loader", _LOADERS)
@pytest.mark.parametrize("how", ["batch = next(iter({}))", "for batch in {}: pass"])
def test_known_is_what_torch_makes(loader: str, how: str) -> None:
    text = _HEAD + how.format(loader)
    scope: dict[str, Any] = {}
    exec(text, scope)
    _agree(_known(text), scope["batch"])


def _agree(known: Value, made: Any) -> None:
    if isinstance(known, Sequence):
        assert isinstance(made, (list, tuple)) and len(made) == len(known.items)
        for item, one in zip(known.items, made, strict=True):
            _agree(item, one)
    elif isinstance(known, Made) and known.keywords:
        for key, item in known.keywords:
            _agree(item, made[key])
    elif isinstance(known, Tensor):
        assert isinstance(made, torch.Tensor)
        if known.dtype is not None and known.dtype.value != "float":
            assert str(made.dtype) == f"torch.{known.dtype.value}"
        if known.shape is not None:
            assert len(known.shape.value) == made.dim()
            for dim, size in zip(known.shape.value, made.shape, strict=True):
                assert not isinstance(dim, int) or dim == size


def test_tensors_of_a_batch_share_its_size() -> None:
    batch = _known(_HEAD + f"batch = next(iter({_LOADERS[0]}))")
    assert isinstance(batch, Sequence)
    x, y = batch.items
    assert isinstance(x, Tensor) and isinstance(y, Tensor) and x.shape is not None and y.shape is not None
    assert x.shape.value[0] == y.shape.value[0] and x.shape.value[1] == 3


def test_sizes_of_two_batches_are_not_the_same() -> None:
    text = _HEAD + f"loader = {_LOADERS[0]}\nfor batch in loader: first = batch\nbatch = next(iter(loader))"
    file = File(text, "x.py")
    names = file.flows.module.end.names
    sizes = [names[name].items[0].shape.value[0] for name in ("first", "batch")]  # type: ignore[attr-defined]
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize("loader", _LOADERS[4:])
def test_silent_where_nothing_is_collated(loader: str) -> None:
    assert not isinstance(_known(_HEAD + f"batch = next(iter({loader}))"), Sequence)


def test_what_a_dataset_does_is_not_an_event_of_the_loop() -> None:
    file = File(_HEAD + f"for batch in {_LOADERS[1]}: pass", "x.py")
    assert not [event for event in file.flows.module.of("return", "call") if event.via]
