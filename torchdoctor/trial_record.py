"""What trying a model out has shown, one record a trial. Plain data, never a tensor.

``caller`` is the line that asked for the trials: the place of a finding that has none of its own. ``model`` is the
class of the model. Modules are records, by which the line that builds them is found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torchdoctor.finding import Span
from torchdoctor.operation_record import OperationRecord
from torchdoctor.record import Failure, ModuleRecord


@dataclass(frozen=True, slots=True)
class FailedTrial:
    """The model raised: ``doing`` says what was asked of it, ``error`` and ``message`` are the exception's.

    ``kind`` is the trial. ``rule`` and ``told`` are what is known of the exception by itself, ``cures`` what to do.
    """

    model: str
    kind: str
    doing: str
    error: str
    message: str
    at: Span | None = None
    module: ModuleRecord | None = None
    failure: Failure | None = None
    rule: str = ""
    told: str = ""
    cures: tuple[str, ...] = ()
    roots: tuple[tuple[Span, str], ...] = ()
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class ParameterTrial:
    """A trainable parameter over some steps.

    ``used`` tells whether any operation of the forward pass read it, ``gradient`` is none, zero, tiny or given,
    ``changed`` whether the optimizer moved it, ``optimized`` whether the optimizer holds it. ``cut`` is the operation
    after which what was computed from it has no gradient any more, ``off`` the line that had turned gradients off.
    """

    name: str
    shape: tuple[int, ...]
    module: ModuleRecord
    used: bool | None = None
    gradient: str = "given"
    changed: bool | None = None
    optimized: bool | None = None
    cut: OperationRecord | None = None
    off: Span | None = None


@dataclass(frozen=True, slots=True)
class OutsideTrial:
    """An attribute of a module with tensors that get gradients, and that are no parameters of the model.

    ``layers`` tells whether they are those of layers in a plain container. ``tensors`` counts them.
    """

    name: str
    module: ModuleRecord
    tensors: int = 1
    layers: bool = False


@dataclass(frozen=True, slots=True)
class StepTrial:
    """Some training steps on one batch.

    ``rates`` are the optimizer's learning rates, ``optimizer`` its class where it is the user's. ``strangers`` counts
    what it holds and the model has not. ``dead`` is the first operation whose results are all zero. ``outside`` is
    what learns, and is neither the model's nor the optimizer's.
    """

    model: str
    steps: int
    parameters: tuple[ParameterTrial, ...]
    optimizer: str = ""
    rates: tuple[float, ...] = ()
    strangers: int = 0
    dead: OperationRecord | None = None
    caller: Span | None = None
    outside: tuple[OutsideTrial, ...] = ()


@dataclass(frozen=True, slots=True)
class OverfitTrial:
    """Training on the same batch over and over: the loss at first, and what it came down to.

    ``tries`` are the optimizers that were tried, each with the lowest loss that it reached. ``wanted`` is the loss
    that is asked for; None asks that it falls by a twentieth, which is little: a head on frozen features learns slowly.
    """

    model: str
    steps: int
    first: float
    best: float
    tries: tuple[tuple[str, float], ...] = ()
    wanted: float | None = None
    caller: Span | None = None

    @property
    def learned(self) -> bool:
        return self.best <= (self.wanted if self.wanted is not None else self.first - 0.05 * abs(self.first))


@dataclass(frozen=True, slots=True)
class EvalTrial:
    """Two runs in eval mode, whose outputs should agree and do not.

    ``kind`` is random (they do with the random numbers fixed), unstable (not even then), state (a run changes the
    buffers ``names``), mixed (a sample's output changes with the samples beside it; ``sizes`` are the batches) or
    constant (all samples have the same output). ``difference`` is the largest, relative to the largest output.
    ``operation`` and ``module`` are where it begins.
    """

    model: str
    kind: str
    difference: float = 0.0
    sizes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    operation: OperationRecord | None = None
    module: ModuleRecord | None = None
    caller: Span | None = None

    @property
    def differs(self) -> bool:
        """Whether it is more than rounding: threads add up in another order, kernels of other sizes in another way."""
        limits = {"random": 1e-5, "unstable": 1e-5, "mixed": 1e-4}
        return self.difference > limits.get(self.kind, math.inf)


@dataclass(frozen=True, slots=True)
class SizeTrial:
    """The output of a batch of one beside that of a batch of ``batch``, where it has lost its dimension."""

    model: str
    batch: int
    many: tuple[int, ...]
    one: tuple[int, ...]
    dim: int = 0
    operation: OperationRecord | None = None
    module: ModuleRecord | None = None
    caller: Span | None = None

    @property
    def squeezed(self) -> bool:
        """Whether a dimension is gone, where the samples are counted."""
        counts = len(self.many) > self.dim and self.batch > 1 and self.many[self.dim] == self.batch
        return counts and len(self.one) < len(self.many)


@dataclass(frozen=True, slots=True)
class FiniteTrial:
    """NaN or infinity in the output, the loss or the gradients (``what``), by the first operation that made one.

    ``dtype`` is that of autocast, "" without it. ``value`` is NaN or infinity; ``names`` are the parameters whose
    gradients hold it. ``given`` is True where the batch itself holds it.
    """

    model: str
    what: str
    value: str = "NaN"
    dtype: str = ""
    names: tuple[str, ...] = ()
    given: bool = False
    operation: OperationRecord | None = None
    module: ModuleRecord | None = None
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class SavedTrial:
    """A model that was saved and loaded and is not what it was.

    ``kind`` is weights (the loaded model's output differs, by ``difference``) or training (the loss of the next step
    is ``found``, and ``expected`` where nobody had saved). ``outside`` are tensors that the state dict has not.
    """

    model: str
    kind: str
    difference: float = 0.0
    expected: float = 0.0
    found: float = 0.0
    outside: tuple[ModuleRecord, ...] = ()
    module: ModuleRecord | None = None
    operation: OperationRecord | None = None
    caller: Span | None = None

    @property
    def differs(self) -> bool:
        return self.difference > (1e-4 if self.kind == "weights" else 1e-3)


@dataclass(frozen=True, slots=True)
class DeviceTrial:
    """Tensors that stay on ``home`` when the model moves to ``device``, and the operation that met both.

    ``failed`` is the exception's text, ``told`` what is known of it by itself: which operands lie where.
    """

    model: str
    device: str
    home: str
    failed: str
    at: Span | None = None
    left: tuple[ModuleRecord, ...] = ()
    module: ModuleRecord | None = None
    caller: Span | None = None
    failure: Failure | None = None
    told: str = ""
    roots: tuple[tuple[Span, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CopyTrial:
    """A deep copy or a pickle of the model that fails, or that is tied to the original.

    ``kind`` is deepcopy, pickle or shared. ``names`` is the attribute that it fails at ("encoder.act"), of the
    type ``type``, and ``culprit`` its record; of a shared one ``names`` are the original's parameters that the copy
    trains.
    """

    model: str
    kind: str
    error: str = ""
    culprit: ModuleRecord | None = None
    type: str = ""
    names: tuple[str, ...] = ()
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class GraphTrial:
    """Tensors with a graph that are alive after each of some steps, where their number grows.

    ``operations`` made those that stay, the most frequent first; ``holders`` are names under which they are held.
    """

    model: str
    counts: tuple[int, ...]
    operations: tuple[OperationRecord, ...] = ()
    holders: tuple[str, ...] = ()
    holding: ModuleRecord | None = None
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class InputTrial:
    """The forward pass has changed the tensors ``names`` of the batch, in ``operation``."""

    model: str
    names: tuple[str, ...]
    operation: OperationRecord | None = None
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class CompiledTrial:
    """The compiled model's ``what`` (output, loss, gradients) differs from that of the model as it is."""

    model: str
    backend: str
    what: str
    difference: float
    names: tuple[str, ...] = field(default=())
    caller: Span | None = None

    @property
    def differs(self) -> bool:
        """Whether it is more than fused kernels round."""
        return self.difference > 1e-2
