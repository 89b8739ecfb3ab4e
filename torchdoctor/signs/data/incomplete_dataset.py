"""A dataset without `__getitem__` or `__len__`, or one of the iterable kind where the other is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Subclasses of Dataset should implement __getitem__",
    "DataLoader with IterableDataset: expected unspecified {option:w} option",
    raises=("NotImplementedError", "ValueError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The class is known where the dataset is in reach."""
    asked = failure.asked.operand("dataset", 0) if failure.asked is not None else None
    dataset = asked if "option" in said else failure.operand("value")
    name = f"`{dataset.type}`" if dataset is not None and dataset.type else "the dataset"
    if "option" in said:
        option = said["option"]
        yield Diagnosis(
            f"{name} is an IterableDataset: it gives its samples in its own order, so `{option}` has no meaning for it",
            cures=(
                f"leave `{option}` out, and shuffle inside of `__iter__`, with a buffer where there is too much "
                "for memory",
                "a `Dataset` with `__len__` and `__getitem__`, where all samples can be counted and looked up",
            ),
        )
        return
    yield Diagnosis(
        f"{name} has no `__getitem__` that takes an index",
        cures=(
            "write `def __getitem__(self, index):`, at the indentation of `__init__`, with two underscores on "
            "each side",
        ),
    )


@on_failure("object of type '{type:w}' has no len()", raises="TypeError", plain=False)
def length(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`len` that a sampler or a loader asks of a dataset."""
    inner = failure.inner
    path = inner.path.replace("\\", "/") if inner is not None else ""
    if "utils/data/" not in path or path.endswith("collate.py"):  # there it is a sample's
        return
    yield Diagnosis(
        f"`{said['type']}` has no `__len__`, and a sampler or the loader's own `len` asks for it",
        cures=(
            "write `def __len__(self): return len(self.files)`, or whatever counts its samples",
            "where it has `__iter__` and no `__getitem__`: derive it from `IterableDataset`, and do not ask its "
            "loader's `len`",
        ),
    )
