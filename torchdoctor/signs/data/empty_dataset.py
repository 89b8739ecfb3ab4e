"""A loader that shuffles an empty dataset: the files were not found."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "num_samples should be a positive integer value, but got num_samples={n:d}",
    raises="ValueError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The dataset, and the folders among its attributes, are in reach of a live run."""
    asked = failure.asked
    given = asked.operand("dataset", "data_source", 0) if asked is not None else None
    name = failure.name_of(given, "the dataset")
    facts = next((o.facts for o in failure.objects if given is not None and o.name == given.code), {})
    paths = [
        f"`{key}={value!r}`"
        for key, value in facts.items()
        if isinstance(value, str) and ("/" in value or "." in value)
    ]
    yield Diagnosis(
        f"{name} is empty: there is nothing to draw from"
        + (f"; it was made with {', '.join(paths[:2])}" if paths else ""),
        cures=(
            "look whether the folder is there and the pattern matches: `sorted(Path(root).glob('*.jpg'))`, with "
            "`**/` for "
            "folders below",
            "`assert len(dataset) > 0, root` right after it is made tells it at once",
        ),
        roots=(Root(given, f"{name} is made here", "value"),) if given is not None else (),
    )
