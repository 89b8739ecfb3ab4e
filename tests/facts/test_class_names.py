"""The names of torch's own classes, held against the torch that is installed."""

from __future__ import annotations

import pytest
import torch

from tests.facts import write_class_names
from torchdoctor.facts.torch_api import class_names
from torchdoctor.facts.torch_api.table import table

GROUPS = tuple(write_class_names.MEANINGS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_what_torch_has(group: str) -> None:
    """All that torch has is there, and of the torch it was written from nothing else."""
    real = frozenset(write_class_names.groups()[group])
    written = getattr(class_names, group)
    assert real <= written, f"run tests/facts/write_class_names.py: torch {torch.__version__} has {real - written}"
    if torch.__version__.startswith(class_names.RELEASE):
        assert written == real, f"run tests/facts/write_class_names.py: torch has no {written - real}"


def test_groups_are_parts_of_each_other() -> None:
    for part in (class_names.PARAMETRIC, class_names.CHANGED_BY_TRAINING, class_names.LOSSES):
        assert part < class_names.MODULES
    assert {"torch.nn.LinearCrossEntropyLoss"} >= class_names.LOSSES & class_names.PARAMETRIC


def test_the_table_knows_only_modules() -> None:
    assert not set(table().modules) - class_names.MODULES


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("torch.nn.Linear", {"MODULES", "PARAMETRIC"}),
        ("torch.nn.Dropout", {"MODULES", "CHANGED_BY_TRAINING"}),
        ("torch.nn.BatchNorm2d", {"MODULES", "PARAMETRIC", "CHANGED_BY_TRAINING"}),
        ("torch.nn.InstanceNorm2d", {"MODULES"}),
        ("torch.nn.Unflatten", {"MODULES"}),
        ("torch.nn.CrossEntropyLoss", {"MODULES", "LOSSES"}),
        ("torch.nn.Parameter", set()),
        ("torch.optim.AdamW", {"OPTIMIZERS"}),
        ("torch.optim.lr_scheduler.ReduceLROnPlateau", {"SCHEDULERS"}),
        ("torch.utils.data.DistributedSampler", {"SAMPLERS"}),
        ("torch.utils.data.TensorDataset", {"DATASETS"}),
    ],
)
def test_what_a_name_is(name: str, groups: set[str]) -> None:
    assert {group for group in GROUPS if name in getattr(class_names, group)} == groups
