"""What lets samples of different sizes into one batch."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import shape_text


def key_of(notes: tuple[str, ...], first: tuple[int, ...], other: tuple[int, ...]) -> str:
    """The one key under which the samples, as a worker's notes show them, hold tensors of these sizes; "" for none."""
    shown = {text: re.escape(text) for text in (shape_text(first), shape_text(other))}
    found = [{key for note in notes for key in re.findall(rf"'(\w+)': {text}", note)} for text in shown.values()]
    both = found[0] & found[1] if len(found) == 2 else set()
    return both.pop() if len(both) == 1 else ""


def cures(first: tuple[int, ...], other: tuple[int, ...], key: str = "") -> Iterator[str]:
    wrong = [axis for axis, (a, b) in enumerate(zip(first, other, strict=False)) if a != b]
    if len(first) == 3 and len(other) == 3 and wrong == [0] and {first[0], other[0]} <= {1, 3, 4}:
        yield "`image.convert('RGB')` where the dataset opens images: some have 1 or 4 channels"
    elif len(first) == 3 and len(other) == 3 and first[0] in (1, 3, 4):
        yield "a resize in the dataset's transform: `transforms.Resize((224, 224))`, which gives both sides"
        yield "`transforms.Resize(224)` alone keeps the proportions: `CenterCrop(224)` behind it"
    elif wrong == [0]:
        batch = f"[sample[{key!r}] for sample in batch]" if key else "batch"
        yield f"a `collate_fn` that pads: `nn.utils.rnn.pad_sequence({batch}, batch_first=True)`"
    yield "a `collate_fn` that leaves the samples in a list, where they need no common size"
