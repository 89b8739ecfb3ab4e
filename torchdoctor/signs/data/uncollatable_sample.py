"""A sample that the default collate function cannot put into a batch: None, an image, an object of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure

_KIND = "batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class '{type:w}'>"
_DTYPE = "batch must contain tensors, numpy arrays, numbers, dicts or lists; found {dtype}$"
_COUNTED = "object of type '{type:w}' has no len()"  # tuples are counted, and one that is no tuple cannot be
_MIXED = "expected Tensor as element {k:d} in argument 0, but got {type:w}"


@on_failure(_KIND, _DTYPE, _MIXED, _COUNTED, raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The samples stand in the frames of the collate function: which one, and which part of it, is looked up there."""
    innermost = failure.frames[-1:] if "has no len" in said.text else failure.frames[-4:]
    text = failure.message + " ".join(frame.path for frame in innermost)
    if "collate" not in text:
        return
    kind = (said["type"] or said["dtype"] or "").rpartition(".")[2]
    where = _place(failure, kind)
    if "k" in said and not where:
        where = f"sample {said['k']} of the batch"
    if kind == "NoneType":
        yield Diagnosis(
            f"{where or 'a sample'} is None, and None has no place in a batch",
            cures=(
                "look at `__getitem__`: a branch without `return`, or an error that was caught and gave None",
                "drop such samples: `collate_fn=lambda b: default_collate([s for s in b if s is not None])`"
                if "part" not in where
                else "give a number or an empty tensor in its place, or a `collate_fn` of your own",
            ),
        )
        return
    image = "Image" in kind
    yield Diagnosis(
        f"{where or 'a sample'} is of the type `{kind}`, which the default collate function cannot put into a batch",
        cures=(
            "turn images into tensors: `transforms.ToTensor()` as the last transform"
            if image
            else f"return tensors, arrays, numbers, texts, or dicts, lists and tuples of them, instead of `{kind}`",
            "or a `collate_fn` of your own, which puts a list of samples together",
        ),
    )


def _place(failure: Failure, kind: str) -> str:
    """ "part 1 of sample 0", by the samples that the collate function was given first."""
    batches = [
        one for e in failure.expressions for one in e.operands if one.role in ("batch", "data", "samples") and one.items
    ]
    for batch in reversed(batches):
        for number, sample in enumerate(batch.items):
            if sample.type == kind:
                return f"sample {number} of the batch"
            part = next((item for item in sample.items if item.type == kind), None)
            if part is not None:
                return f"part {_key(part)} of sample {number} of the batch"
    return ""


def _key(part: ValueRecord) -> str:
    return part.role if part.role.isdigit() else f"`{part.role}`"
