"""GradScaler and a model whose own weights are float16."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("Attempting to unscale FP16 gradients", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text is raised only where gradients, and so parameters, are float16."""
    given = failure.asked.operand("optimizer", 0) if failure.asked is not None else None
    name = failure.name_of(given, "the optimizer")
    yield Diagnosis(
        f"the parameters of {name} are `float16` themselves, and so are their gradients: a scaler unscales "
        "float32 ones",
        cures=(
            "leave out `model.half()`: keep the parameters in float32, and let `torch.autocast` compute in float16",
            "where the model was loaded in float16: `model.float()`, or load it with `torch_dtype=torch.float32`",
            "with adapters (LoRA), only what learns: `for p in model.parameters(): if p.requires_grad: p.data = "
            "p.data.float()`",
        ),
    )
