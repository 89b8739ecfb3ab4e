"""A recurrent layer that gets features, or a state, of another size than it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at
from torchdoctor.signs.shape._states import cures_of


@on_failure(
    "input.size(-1) must be equal to input_size. Expected {takes:d}, got {gets:d}",
    "input has inconsistent input_size: got {gets:d} expected {takes:d}",
    raises="RuntimeError",
)
def features(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The features stand in the last dimension, with ``batch_first`` too."""
    layer, takes, gets = failure.layer, said["takes"], said["gets"]
    value = failure.asked.operand("input", 0) if failure.asked is not None else None
    value = value if shape_of(value) else tensor_at(failure, "input", 0)
    shape = shape_of(value)
    where = layer.words if layer is not None else "a recurrent layer"
    name, code = name_of(failure, value, "the input"), spelled(failure, value)
    kind = layer.type if layer is not None else "LSTM"
    hidden = layer.facts.get("hidden_size", "...") if layer is not None else "..."
    cures = []
    if shape and len(shape) == 3 and shape[1] == takes:
        cures.append(f"`{code}.transpose(1, 2)`: the {takes} features stand in dim 1")
    elif gets == 1 or (shape and len(shape) == 2 and takes == 1):
        cures.append(f"`{code}.unsqueeze(-1)`: a series of single values has one feature a step")
    rest = ", batch_first=True" if layer is not None and layer.facts.get("batch_first") else ""
    cures.append(f"`nn.{kind}({gets}, {hidden}{rest})`, if {gets} features are right")
    sizes = f": {name} is {shape_text(shape)}" if shape else ""
    yield Diagnosis(
        f"{where} takes {takes} features a step and gets {gets}{sizes}",
        cures=tuple(cures),
        roots=roots(failure, layer, f"built for {takes} features here", value),
    )


@on_failure(
    "Expected hidden size {wanted:s}, got {given:s}",
    "Expected hidden[{part:d}] size {wanted:s}, got {given:s}",
    "Input batch size {batch:d} doesn't match hidden{part:d} batch size {held:d}",
    "hidden{part:d} has inconsistent hidden_size: got {width:d}, expected {wide:d}",
    "For batched 3-D input, hx should also be 3-D but got {rank:d}-D tensor",
    "For batched 3-D input, hx and cx should also be 3-D but got ({rank:d}-D, {:d}-D) tensors",
    "For unbatched 2-D input, hx should also be 2-D but got {rank:d}-D tensor",
    "For unbatched 2-D input, hx and cx should also be 2-D but got ({rank:d}-D, {:d}-D) tensors",
    raises="RuntimeError",
)
def state(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A first state is (layers * directions, batch, hidden), with ``batch_first`` too."""
    layer, value = failure.layer, failure.operand("hx", 1)
    given_state = failure.asked.operand("hx", 1) if failure.asked is not None else None
    if layer is not None and layer.type == "LSTM" and shape_of(given_state) is not None:
        return  # no pair at all: a rule of its own
    if value is not None and value.items:
        value = value.items[min(said["part"] or 0, len(value.items) - 1)]
    where = layer.words if layer is not None else "a recurrent layer"
    name = name_of(failure, value, "the state")
    wanted, given = said["wanted"], said["given"]
    cures: list[str] = []
    if wanted and given and len(wanted) == len(given) == 3:
        text = f"{where} wants a state of {shape_text(wanted)}, and {name} is {shape_text(given)}"
        first = layer is not None and bool(layer.facts.get("batch_first"))
        cures += list(cures_of(failure, wanted, given, tensor_at(failure, "input", 0), first))
    elif "batch" in said:
        text = f"{where} gets a batch of {said['batch']} and a state for a batch of {said['held']}"
        cures.append(f"`torch.zeros({said['batch']}, ...)`: a new state for each batch")
    elif "wide" in said:
        text = f"{where} wants a state of {said['wide']} features, and gets {said['width']}"
    else:
        rank = said["rank"]
        text = (
            f"{where} gets a state of {rank if rank is not None else len(given or ())} "
            "dimensions, and an input of another kind"
        )
        cures.append("a batched input, 3 dimensions, with a state of 3; one sequence, 2 dimensions, with a state of 2")
    cures.append("leave the state out: torch begins with zeros of the right sizes")
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, layer, "built here", value))
