"""Writes what torch's own classes are into torchdoctor/facts/torch_api/class_names.py.

    python tests/facts/write_class_names.py

Lint must know them without torch being there; test_class_names.py holds the file against the torch that is installed.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils import data

TARGET = Path(__file__).parents[2] / "torchdoctor" / "facts" / "torch_api" / "class_names.py"
HEAD = '''"""What torch's own classes are, by full name: modules, losses, optimizers, schedulers, samplers, datasets.

Written from torch {release} by tests/facts/write_class_names.py; compared with torch in the tests.
"""

from __future__ import annotations

RELEASE = "{release}"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())

'''
MEANINGS = {
    "MODULES": "Every subclass of torch.nn.Module.",
    "PARAMETRIC": "Modules that hold parameters when they are made with the arguments that are usual.",
    "CHANGED_BY_TRAINING": "Modules that compute something else in training than in evaluation: dropout, batch norm.",
    "LOSSES": "Modules that compute a loss.",
    "OPTIMIZERS": "Subclasses of torch.optim.Optimizer.",
    "SCHEDULERS": "Subclasses of LRScheduler, and ReduceLROnPlateau.",
    "SAMPLERS": "Samplers and batch samplers.",
    "DATASETS": "Datasets, map-style and iterable.",
}
# Arguments that make one module or another.
_USUAL: tuple[tuple[Any, ...], ...] = ((), (4,), (4, 4), (4, 2), (4, 4, 3), (2, 4), (4, 4, 4), (1, (2, 2)))
_HOLDS = re.compile(r"Parameter\(|Linear\(|MultiheadAttention\(|_get_clones\(|Transformer\w+Layer\(")


def classes(module: Any, prefix: str, kind: type) -> Iterator[tuple[str, type]]:
    """The public classes of a kind in one of torch's modules."""
    for name, value in sorted(vars(module).items()):
        if isinstance(value, type) and issubclass(value, kind) and not name.startswith("_") and _is_own(value):
            yield f"{prefix}.{name}", value


def _is_own(value: type) -> bool:
    """Not an abstract class that is only imported there to be built on."""
    return value is not torch.optim.lr_scheduler.LRScheduler


def _modules() -> dict[str, type]:
    found = dict(classes(torch.nn, "torch.nn", torch.nn.Module))
    found |= classes(torch.nn.parallel, "torch.nn.parallel", torch.nn.Module)
    return {name: value for name, value in found.items() if name != "torch.nn.DataParallel"}


def _is_parametric(value: type) -> bool:
    for arguments in _USUAL:
        try:
            return any(True for _ in value(*arguments).parameters())
        except Exception:  # other arguments, then
            continue
    return any(_HOLDS.search(inspect.getsource(one)) for one in value.__mro__ if one.__module__.startswith("torch.nn"))


def _changed_by_training(value: type) -> bool:
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.dropout import _DropoutNd

    if issubclass(value, (_DropoutNd, _BatchNorm, torch.nn.RReLU)):
        return True
    dropout = inspect.signature(value).parameters.get("dropout")
    return dropout is not None and isinstance(dropout.default, float) and dropout.default > 0


def _losses(value: type) -> bool:
    return "torch.nn.modules.loss" in value.__module__


def _named(modules: dict[str, type], wanted: Callable[[type], bool]) -> list[str]:
    return sorted(name for name, value in modules.items() if wanted(value))


def groups() -> dict[str, list[str]]:
    """The names of each group."""
    modules = _modules()
    leaves = {name: value for name, value in modules.items() if value is not torch.nn.Module}
    plans = torch.optim.lr_scheduler
    schedulers = dict(classes(plans, "torch.optim.lr_scheduler", plans.LRScheduler))
    schedulers |= classes(torch.optim.swa_utils, "torch.optim.swa_utils", plans.LRScheduler)
    samplers = dict(classes(data, "torch.utils.data", data.Sampler))
    samplers["torch.utils.data.DistributedSampler"] = data.DistributedSampler
    return {
        "MODULES": sorted(modules),
        "PARAMETRIC": _named(leaves, _is_parametric),
        "CHANGED_BY_TRAINING": _named(leaves, _changed_by_training),
        "LOSSES": _named(leaves, _losses),
        "OPTIMIZERS": sorted(dict(classes(torch.optim, "torch.optim", torch.optim.Optimizer))),
        "SCHEDULERS": sorted(
            {*schedulers, *(f"torch.optim.lr_scheduler.{name}" for name in ("LRScheduler", "ReduceLROnPlateau"))}
        ),
        "SAMPLERS": sorted(samplers),
        "DATASETS": sorted(dict(classes(data, "torch.utils.data", data.Dataset))),
    }


def write() -> str:
    """The text of the module."""
    release = torch.__version__.partition("+")[0]
    rows = [HEAD.format(release=release)]
    for group, names in groups().items():
        words = textwrap.indent(textwrap.fill(" ".join(names), 112, break_on_hyphens=False), "    ")
        rows.append(f'\n# {MEANINGS[group]}\n{group} = _names("""\n{words}\n""")\n')
    return "".join(rows)


if __name__ == "__main__":
    TARGET.write_text(write(), encoding="utf-8")
