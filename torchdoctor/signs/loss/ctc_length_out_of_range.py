"""`ctc_loss` whose lengths do not fit the scores or the targets."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "Expected input_lengths to have value at most {most:d}, but got value {length:d}",
    "Expected tensor to have size at least {length:d} at dimension 1, but got size {most:d} for argument #2 'targets'",
    "input_lengths must be of size batch_size",
    "target_lengths must be of size batch_size",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The scores of a CTC loss are (time, batch, classes)."""
    scores = failure.operand("log_probs", 0)
    shape = scores.tensor.shape if scores is not None and scores.tensor is not None else None
    if said["length"] is None:
        yield from _batches(failure, "input" if "input_lengths" in said.text else "target", shape)
    elif "input_lengths" in said.text:
        yield from _steps(failure, said["length"], said["most"], shape)
    else:
        value = failure.operand("target_lengths", 3)
        yield Diagnosis(
            f"a target's length is {said['length']}, and the targets are padded to {said['most']}",
            cures=("count the lengths before the padding, or pad the targets to the longest of them",),
            roots=made(value, "the lengths are made here", "value"),
        )


def _steps(failure: Failure, length: int, most: int, shape: tuple[int, ...] | None) -> Iterator[Diagnosis]:
    lengths = failure.operand("input_lengths", 2)
    name, code = failure.name_of(lengths, "an input length"), code_of(failure, lengths, "input_lengths")
    ratio = round(length / most) if most else 0
    cures = [f"lengths of at most {most}: count the steps that the network gives, not those of its input"]
    if ratio > 1 and -(-length // ratio) <= most:
        cures.insert(0, f"`torch.div({code}, {ratio}, rounding_mode='floor')`: the network leaves one step of {ratio}")
    if shape is not None and len(shape) == 3 and shape[1] == length:
        cures.insert(
            0, f"`{code_of(failure, failure.operand('log_probs', 0), 'log_probs')}.transpose(0, 1)`: time first"
        )
    yield Diagnosis(
        f"{name} says {length} steps, and the scores have {most}",
        cures=tuple(cures),
        roots=made(lengths, "the lengths are made here", "value"),
    )


def _batches(failure: Failure, which: str, shape: tuple[int, ...] | None) -> Iterator[Diagnosis]:
    lengths = failure.operand(f"{which}_lengths", 2 if which == "input" else 3)
    given = lengths.tensor.numel if lengths is not None and lengths.tensor is not None else lengths and lengths.length
    if shape is None or len(shape) != 3 or given is None:
        yield Diagnosis(
            f"`ctc_loss` has not one of the {which} lengths for each sample: scores are (time, batch, classes)"
        )
        return
    scores = code_of(failure, failure.operand("log_probs", 0), "log_probs")
    turned = (f"`{scores}.transpose(0, 1)`: `ctc_loss` takes (time, batch, classes)",) if shape[0] == given else ()
    yield Diagnosis(
        f"there are {given} {which} lengths, and the scores {shape} are of {shape[1]} samples",
        cures=turned or (f"one length for each of the {shape[1]} samples",),
        roots=made(failure.operand("log_probs", 0), "the scores are made here", "shape"),
    )
