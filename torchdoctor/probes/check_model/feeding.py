"""How a batch goes into a model, and how the loss comes out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torchdoctor.probes.plain import loaded

Loss = Callable[..., Any]
Step = Callable[[Any, Any], Any]


class NotFed(TypeError):
    """The loss cannot be had in the way that was said: the call is wrong, not the model."""


class Feeding:
    """Calls a model on a batch.

    A mapping goes in as keywords, a tuple or list as arguments, anything else as the one argument. ``loss`` takes
    output and target: of a tuple the target is the last item, which the model is not given; else the batch itself.
    A loss of one argument is given the output, and the model the whole batch; without a loss the output's own ``loss``
    is taken. ``step`` does all of that by itself: it is given model and batch, and returns the loss.
    """

    def __init__(self, loss: Loss | None, step: Step | None) -> None:
        self.own_loss, self.step = loss, step
        self._alone = loss is None or _takes_one(loss)

    def output(self, model: Any, batch: Any) -> Any:
        """What the model makes of a batch."""
        if self.step is not None:
            return self._stepped(model, batch)[0]
        if isinstance(batch, Mapping):
            return model(**batch)
        if isinstance(batch, (tuple, list)):
            return model(*(batch if self._alone or len(batch) < 2 else batch[:-1]))
        return model(batch)

    def both(self, model: Any, batch: Any) -> tuple[Any, Any]:
        """Output and loss. Raises NotFed where the loss is no tensor."""
        if self.step is not None:
            return self._stepped(model, batch)
        output = self.output(model, batch)
        return output, _checked(self._loss(output, batch))

    def loss(self, model: Any, batch: Any) -> Any:
        return self.both(model, batch)[1]

    def target(self, batch: Any) -> Any:
        """What the loss compares with, where that is an item of the batch."""
        apart = isinstance(batch, (tuple, list)) and len(batch) > 1 and not self._alone
        return batch[-1] if apart else None

    def _loss(self, output: Any, batch: Any) -> Any:
        if self.own_loss is None:
            found = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
            if found is None:
                raise NotFed(
                    f"the model's output ({type(output).__name__}) has no `loss` of its own: "
                    "give check_model a `loss`, or a `step` that is called with model and batch"
                )
            return found
        if self._alone:
            return self.own_loss(output)
        target = self.target(batch)
        return self.own_loss(output, batch if target is None else target)

    def _stepped(self, model: Any, batch: Any) -> tuple[Any, Any]:
        """What a step made of it: the output is that of the model's last forward pass."""
        outputs: list[Any] = []
        handle = model.register_forward_hook(lambda module, args, output: outputs.append(output))
        try:
            assert self.step is not None
            loss = self.step(model, batch)
        finally:
            handle.remove()
        return (outputs[-1] if outputs else None), _checked(loss)


def _checked(loss: Any) -> Any:
    torch = loaded("torch")
    if not isinstance(loss, torch.Tensor):
        raise NotFed(f"the loss is a {type(loss).__name__}: check_model needs a tensor that `backward()` can begin at")
    return loss


def _takes_one(loss: Any) -> bool:
    torch = loaded("torch")
    if isinstance(loss, torch.nn.Module):
        loss = loss.forward
    try:
        parameters = inspect.signature(loss).parameters.values()
    except (TypeError, ValueError):  # written in C
        return False
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return False
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(placed) == 1
