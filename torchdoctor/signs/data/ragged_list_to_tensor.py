"""A list whose rows are of several lengths is made into a tensor."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure("expected sequence of length {first:d} at dim {dim:d} (got {other:d})", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """torch takes the first row's length for that of all; the others' are at hand in a live run."""
    value = next((one for one in failure.values if one.type in ("list", "tuple") and one.items), None)
    lengths = [item.length for item in value.items if item.length is not None] if value is not None else []
    code = value.code if value is not None and 0 < len(value.code) < 50 else "rows"
    if value is not None and len(lengths) < len(value.items) and lengths:
        odd = next(item for item in value.items if item.length is None)
        yield Diagnosis(
            f"`{code}` holds rows and, at place {odd.role}, `{odd.text or odd.type}`: not all its elements are rows",
            (f"a row in its place: `[{odd.text or 'x'}]`, of the length of the others",),
            roots=made(value, "the list is made here", "value"),
        )
        return
    if said["first"] is None and not lengths:
        return
    sizes = f"lengths from {min(lengths)} to {max(lengths)}" if len(set(lengths)) > 1 else ""
    message = (
        f"the rows of `{code}` have {sizes}" if sizes else f"the rows have lengths {said['first']} and {said['other']}"
    )
    yield Diagnosis(
        f"{message}, and a tensor has rows of one length",
        cures=tuple(_cures(value, code, failure)),
        roots=made(value, "the list is made here", "value"),
    )


# Others say these too: torch has to be what was asked.
elsewhere = on_failure(
    "^not a sequence",
    "'list' object cannot be interpreted as an integer",
    "setting an array element with a sequence",
    raises=("ValueError", "TypeError"),
    plain=False,
)(sign.run)


def _cures(value: ValueRecord | None, code: str, failure: Failure) -> Iterator[str]:
    words = " ".join(one.code for one in failure.values if one.code)
    if any(word in words for word in ("input_ids", "attention_mask", "token", "encod")):
        yield "`tokenizer(texts, padding=True, truncation=True, return_tensors='pt')`: the tokenizer pads them"
    full = {item.length for item in value.items if item.length} if value is not None else set()
    if value is not None and len(full) == 1 and len(value.items) == value.length:
        yield f"`torch.tensor([row for row in {code} if row])`: the empty ones left out"
    yield f"`torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in {code}], batch_first=True)`"
    yield f"`[torch.tensor(row) for row in {code}]`, a list of tensors, where each is used by itself"
