"""A sparse gradient, of an embedding with `sparse=True`, in an optimizer that cannot take it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, FrameRecord, ModuleRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("{optimizer:w} does not support sparse gradients", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The embedding is looked for among the modules in reach."""
    layer = next((one for one in _modules(failure.frames) if one.facts.get("sparse") is True), None)
    where = f": `{layer.attribute}` is built with `sparse=True`" if layer is not None else ""
    yield Diagnosis(
        f"`{said['optimizer']}` was given a sparse gradient{where}",
        cures=(
            "`sparse=False` in the embedding: its gradient is then dense, as the optimizer wants it",
            "`torch.optim.SparseAdam(embedding.parameters())` for the embedding, and this optimizer for the rest",
        ),
        roots=(Root(layer, f"`{layer.attribute}` is built with `sparse=True` here"),) if layer is not None else (),
    )


def _modules(frames: tuple[FrameRecord, ...]) -> Iterator[ModuleRecord]:
    for frame in reversed(frames):
        yield from (value.module for value in frame.locals if value.module is not None)
        if frame.module is not None:
            yield frame.module
