"""An optimizer whose state was made for a parameter of another shape: loaded from another model, or changed since."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._products import in_optimizer
from torchdoctor.signs.shape._sizes import shape_of


@on_failure(
    "The size of tensor a ({x:d}) must match the size of tensor b ({y:d}) at non-singleton dimension {d:d}",
    "output with shape {own:s} doesn't match the broadcast shape {wide:s}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Within a step both the state and the gradient stand in torch's own expression."""
    if not in_optimizer(failure):
        return
    found = failure.pair()
    optimizer = next((one for one in failure.objects if one.kind == "optimizer"), None)
    name = f"`{optimizer.name}`" if optimizer is not None else "the optimizer"
    kind = optimizer.type if optimizer is not None else "Adam"
    state, grad = (shape_of(found[0]), shape_of(found[1])) if found is not None else (None, None)
    sizes = f": {shape_text(state)}, and its gradient is {shape_text(grad)}" if state and grad else ""
    yield Diagnosis(
        f"{name} holds the state of a parameter of another shape{sizes}",
        cures=(
            f"`torch.optim.{kind}(model.parameters(), ...)` anew, after the layer was replaced or resized",
            "without `load_state_dict` of the optimizer, if its checkpoint is another model's: weights alone",
        ),
    )
