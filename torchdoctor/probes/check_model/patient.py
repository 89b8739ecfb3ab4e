"""A model under trial, and what it is tried with: each trial has a copy of its own, and leaves nothing behind."""

from __future__ import annotations

import copy
import io
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torchdoctor.finding import Span
from torchdoctor.probes.check_model.batches import copied
from torchdoctor.probes.check_model.feeding import Feeding
from torchdoctor.probes.module import Modules, file_of
from torchdoctor.probes.plain import instance_dict, loaded, qualified
from torchdoctor.record import ModuleRecord


class Uncopied(Exception):
    """There is no copy of the model to make trials with."""


@dataclass
class Patient:
    """The model as the user gave it (``original``), and the settings of the trials.

    ``factory`` builds another one, where the user gave a function. ``notes`` are what could not be tried, and what is
    as it is for good reasons.
    """

    original: Any
    batch: Any
    feeding: Feeding
    factory: Callable[[], Any] | None = None
    optimizer: Callable[..., Any] | None = None
    unused: tuple[str, ...] = ()
    batch_dim: int | None = None
    steps: int = 40
    overfit_to: float | None = None
    autocast: str = ""
    compiler: str = ""
    seed: int = 0
    caller: Span | None = None
    variable: str = ""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modules = Modules()
        self.modules.root(self.original, self.variable, self.caller.path if self.caller is not None else "")
        self._by_name = dict(self.original.named_modules(remove_duplicate=False))
        self.name = type(self.original).__name__
        self.tied = False  # a copy would compute with the original's weights

    def fresh(self, *, train: bool) -> Any:
        """A copy of the model, in training or in eval mode, and the random numbers from their beginning."""
        self.reseed()
        found = self._copy()
        found.train(train)
        found.zero_grad(set_to_none=True)
        return found

    def built(self) -> Any:
        """Another model of the same kind: a new one where the user gave a factory, else a copy with other weights."""
        self.reseed(1)
        if self.factory is not None:
            return _made_of_lazy(self.factory(), self)
        return _shaken(self._copy())

    def reseed(self, more: int = 0) -> None:
        """The random numbers from their beginning; those of another seed with ``more``."""
        torch = loaded("torch")
        torch.manual_seed(self.seed + more)
        random.seed(self.seed + more)
        if (numpy := loaded("numpy")) is not None:
            numpy.random.seed((self.seed + more) % 2**32)

    def data(self) -> Any:
        """The batch, copied."""
        return copied(self.batch)

    def module(self, name: str) -> ModuleRecord | None:
        """The record of the module of a dotted name."""
        found = self._by_name.get(name)
        return self.modules.record(found) if found is not None else None

    def entry(self, name: str) -> ModuleRecord:
        """The record by which the line is found that makes a parameter, buffer or attribute: "head.weight"."""
        above, _, own = name.rpartition(".")
        holder = self._by_name.get(above, self.original)
        record = self.modules.record(holder)
        if qualified(type(holder)).startswith("torch."):
            return record
        return replace(record, holder=qualified(type(holder)), holder_path=file_of(type(holder)), attribute=own)

    def optimizer_of(self, model: Any, rate: float = 1e-3) -> Any:
        """The user's optimizer for a model, else Adam."""
        torch = loaded("torch")
        if self.optimizer is None:
            return ours(model, rate)
        made = self.optimizer
        kind = getattr(made, "func", made)  # of a partial
        wants_parameters = isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
        return made(model.parameters() if wants_parameters else model)

    def _copy(self) -> Any:
        try:
            if not self.tied:
                return copy.deepcopy(self.original)
        except Exception:
            if self.factory is None:
                return reloaded(self.original)
        if self.factory is None:
            raise Uncopied("a copy computes with the weights of the original")
        made = _made_of_lazy(self.factory(), self)
        made.load_state_dict(self.original.state_dict())
        return made


def ours(model: Any, rate: float) -> Any:
    """Adam; for sparse gradients, which Adam refuses, SGD with steps of that size."""
    torch = loaded("torch")
    learning = [p for p in model.parameters() if p.requires_grad]
    if any(instance_dict(module).get("sparse") is True for module in model.modules()):
        return torch.optim.SGD(learning, lr=100 * rate)
    return torch.optim.Adam(learning, lr=rate)


def reloaded(value: Any) -> Any:
    """A model or a state as it comes back from a file."""
    torch = loaded("torch")
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


def _made_of_lazy(model: Any, patient: Patient) -> Any:
    """A model whose lazy layers have seen their first input."""
    if is_lazy(model):
        torch = loaded("torch")
        with torch.no_grad():
            patient.feeding.output(model.eval(), patient.data())
    return model


def is_lazy(model: Any) -> bool:
    torch = loaded("torch")
    return any(torch.nn.parameter.is_lazy(p) for p in [*model.parameters(), *model.buffers()])


def _shaken(model: Any) -> Any:
    """Other weights of the same kind: what is loaded into it must put all of them back."""
    torch = loaded("torch")
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for tensor in {id(t): t for t in state.values() if isinstance(t, torch.Tensor)}.values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor.float()).to(tensor.dtype) + 0.5)
    return model


@contextmanager
def undisturbed(original: Any) -> Iterator[None]:
    """What is done inside leaves no trace in random numbers, modes, or in the user's model."""
    torch = loaded("torch")
    numpy = loaded("numpy")
    states = random.getstate(), numpy.random.get_state() if numpy is not None else None
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    grads = [(p, p.grad) for p in original.parameters()]
    modes = [(m, m.training) for m in original.modules()]
    with (
        torch.random.fork_rng(devices),
        torch.inference_mode(False),
        torch.enable_grad(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            random.setstate(states[0])
            if numpy is not None:
                numpy.random.set_state(states[1])
            for parameter, grad in grads:
                parameter.grad = grad
            for module, mode in modes:
                module.training = mode
