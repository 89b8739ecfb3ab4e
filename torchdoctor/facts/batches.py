"""What a DataLoader yields: a sample of its dataset, with a dimension for the batch put before each tensor of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.tensor import selected, unsqueezed
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Dim,
    Element,
    Item,
    Known,
    Made,
    Named,
    Result,
    Sequence,
    Size,
    Tensor,
    Value,
)

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

_OF_TENSORS = "torch.utils.data.TensorDataset"
_PART = "torch.utils.data.Subset"
_DEEPEST = 4
# Data sets of torchvision whose samples are an image and the number of its class.
_LABELLED = frozenset({
    "MNIST", "FashionMNIST", "KMNIST", "EMNIST", "QMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10", "ImageFolder",
    "ImageNet", "Caltech256", "Flowers102", "Food101", "FGVCAircraft", "StanfordCars", "EuroSAT", "GTSRB", "DTD",
})  # fmt: skip
# What torch makes of Python's numbers when it collates them.
_NUMBERS = {int: "int64", float: "float64", bool: "bool"}
_MADE_NUMBERS = {"builtins.int": "int64", "builtins.len": "int64", "builtins.float": "float64"}


def batch_of(run: Run, loader: Made, loop: cst.CSTNode) -> Value | None:
    """One batch of a loader; None where nothing is known of it."""
    if "loader" not in kinds_of(loader.name) or not _is_none(loader.argument(6, "collate_fn")):
        return None
    size = loader.argument(1, "batch_size")
    if size is not None and _is_none(size) and _is_none(loader.argument(4, "batch_sampler")):
        return None  # samples one by one
    dataset = loader.argument(0, "dataset")
    sample = sample_of(run, dataset, loop) if dataset is not None else None
    if sample is None:
        return None
    whole = Element(loader, loop)
    return _collated(sample, whole, Size(whole, 0), loop)


def sample_of(run: Run, dataset: Value, node: cst.CSTNode, depth: int = _DEEPEST) -> Value | None:
    """One sample of a dataset: a row of its tensors, or what its `__getitem__` returns."""
    if not isinstance(dataset, Made) or not depth:
        return None
    if dataset.name == _OF_TENSORS:
        return _row(dataset, node)
    if dataset.name == _PART:
        return sample_of(run, dataset.args[0], node, depth - 1) if dataset.args else None
    if dataset.name.startswith("torchvision.datasets.") and dataset.name.rpartition(".")[2] in _LABELLED:
        return _labelled(dataset, node)
    facts = run.file.classes.named(dataset.name)
    if facts is None or "dataset" not in facts.kinds or facts.method("__getitem__") is None:
        return None
    return _asked(run, dataset, node)


def _labelled(dataset: Made, node: cst.CSTNode) -> Value:
    """An image, of which nothing more is known than that torch collates it on the CPU, and its class."""
    label = Result(node, Named("builtins.int")) if dataset.argument(None, "target_transform") is None else UNKNOWN
    return Sequence((Tensor(node, device=Known("cpu", node)), label))


def _row(dataset: Made, node: cst.CSTNode) -> Value | None:
    rows = [selected(one, 0, None, node) if isinstance(one, Tensor) else None for one in dataset.args]
    if all(row is None for row in rows):
        return None
    return Sequence(tuple(row if row is not None else UNKNOWN for row in rows))


def _asked(run: Run, dataset: Made, node: cst.CSTNode) -> Value | None:
    """What `dataset[i]` gives. A worker asks, not this run: of what happens there nothing is noted."""
    mark, before = len(run.events), run.state.copy()
    index = Result(node, Named("builtins.int"))
    callee = Attr(dataset, "__getitem__")
    value = run.calls.method(node, dataset, callee, "__getitem__", (index,), {}, False)
    del run.events[mark:]
    run.state.become(before)
    return value


def _collated(sample: Value, of: Element | Item, size: Size, node: cst.CSTNode) -> Value:
    """What `default_collate` makes of many samples like this one; ``size`` is how many."""
    if isinstance(sample, Sequence):
        parts = [_part(of, place) for place in range(len(sample.items))]
        pairs = zip(sample.items, parts, strict=True)
        return Sequence(tuple(_collated(item, part, size, node) for item, part in pairs))
    if isinstance(sample, Made) and sample.name == "builtins.dict" and sample.keywords:
        items = [(key, _collated(value, Item(of, key), size, node)) for key, value in sample.keywords]
        return Made(sample.name, node, (), tuple(items))
    dims: tuple[Dim, ...] | None = None
    dtype = _dtype_of_number(sample)
    if isinstance(sample, Tensor):
        batch = unsqueezed(sample, 0, node)
        if batch is not None and batch.shape is not None:
            dims = (size, *batch.shape.value[1:])
        because, dtype_fact, device = sample.source, sample.dtype, sample.device
    elif dtype is not None:
        dims = (size,)
        because, dtype_fact, device = node, Known(dtype, node), Known("cpu", node)
    else:
        return of
    return Tensor(
        because,
        of,
        shape=Known(dims, because) if dims is not None else None,
        contiguous=Known(True, node),
        grad=Known("plain", node),
        dtype=dtype_fact,
        device=device,
    )


def _part(of: Element | Item, place: int) -> Element | Item:
    return Element(of.of, of.loop, place) if isinstance(of, Element) and of.place == -1 else Item(of, place)


def _dtype_of_number(value: Value) -> str | None:
    """The dtype that a Python number is collated to."""
    if isinstance(value, Const):
        return _NUMBERS.get(value.kind)
    if isinstance(value, Size):
        return "int64"
    if isinstance(value, Result) and isinstance(value.function, Named):
        return _MADE_NUMBERS.get(value.function.name)
    return None


def _is_none(value: Value | None) -> bool:
    return value is None or (isinstance(value, Const) and value.value is None)
