"""What a watched run recorded: its steps, their time and memory. Times are in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)  # not frozen: one is made at each step, and that would take twice as long
class StepRecord:
    """One step of training, or several of a long run together.

    ``number`` is the step's, from 1, of several the last one's; ``at`` when it ended, counted from the beginning of the
    watch; ``seconds`` how long it took since the end of the step before. Of these were spent: ``pause`` before this
    step's first batch was asked for (validation, saving, logging), ``input`` on waiting for its batches, ``forward``,
    ``backward`` and ``optimizer`` on computing, as the host sees it. ``starting`` (workers of a loader), ``saving``
    (``torch.save``) and ``collecting`` (Python's garbage collector) are parts of these. Where ``backward`` is 0,
    ``forward`` holds it too. Memory is as it was at the step's end, ``peak`` the most that the allocator has counted.
    ``graphs`` are the losses, of whatever step, whose graph is alive. ``slowest`` is the longest of several steps,
    less its pause. ``shape`` is the batch's; "" where it is not known, "various" for several steps of several shapes.
    """

    number: int
    at: float = 0.0
    seconds: float = 0.0
    steps: int = 1
    pause: float = 0.0
    input: float = 0.0
    forward: float = 0.0
    backward: float = 0.0
    optimizer: float = 0.0
    starting: float = 0.0
    saving: float = 0.0
    collecting: float = 0.0
    batches: int = 0
    backwards: int = 0
    shape: str = ""
    allocated: int | None = None
    reserved: int | None = None
    peak: int | None = None
    rss: int | None = None
    graphs: int | None = None
    loss: float | None = None
    slowest: float = 0.0

    @property
    def working(self) -> float:
        """How long one step takes, pauses left out."""
        return max(self.seconds - self.pause, 0.0) / self.steps

    @property
    def computing(self) -> float:
        """How long one step computes: without pauses and without waiting for input."""
        return max(self.seconds - self.pause - self.input, 0.0) / self.steps


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """What the sampling thread saw at one time.

    ``gpu`` is the utilisation of the GPU in percent, ``used`` the bytes taken on it by whatever process, ``cpu`` how
    many cores the process kept busy since the sample before, ``workers`` the bytes that the loader's workers hold for
    themselves (not shared with this process), ``workers_count`` how many of them there are.
    """

    at: float
    rss: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    retries: int | None = None
    gpu: float | None = None
    used: int | None = None
    cpu: float | None = None
    workers: int | None = None
    workers_count: int = 0


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """Between two steps: "validation", "saving", "start" (of the program, of a loader's workers) or "other"."""

    at: float
    seconds: float
    kind: str = "other"
    before: int = 0


@dataclass(frozen=True, slots=True)
class HolderRecord:
    """A name of the user's program that held more and more, as two or three looks some steps apart have seen.

    ``name`` is as in the program ("losses", "self.cache"), ``kind`` its type's name. ``first`` and ``last`` are what it
    held then: elements (or 1), and the sizes are those of its tensors. ``nodes`` are of the graph behind its tensors.
    ``steps`` lie between the two looks, the last of which was after step ``number``; ``line`` is where it is fed, 0
    where that was not found, with its ``text``.
    """

    name: str
    kind: str = ""
    function: str = ""
    path: str = ""
    line: int = 0
    text: str = ""
    number: int = 0
    steps: int = 1
    first: int = 0
    last: int = 0
    first_bytes: int = 0
    last_bytes: int = 0
    first_nodes: int = 0
    last_nodes: int = 0
    tensors: bool = False
    graph: bool = False


@dataclass(frozen=True)
class LoaderRecord:
    """The DataLoader that training reads: "TensorDataset", 0 workers, ..."""

    dataset: str = ""
    workers: int = 0
    batch_size: int | None = None
    pin_memory: bool = False
    persistent: bool = False
    prefetch: int | None = None
    starts: int = 0


@dataclass(frozen=True)
class WatchRecord:
    """One process of a run that was watched.

    ``boundary`` tells what ends a step: "optimizer" (its step), "loader" (the next batch, where no optimizer stepped),
    "backward", or "called" (``run.step()``). ``ended`` is "finished", "raised KeyError", "interrupted", or "" for a
    record that breaks off: the process was killed, or still runs. ``count`` are all steps, also those that are merged;
    ``total`` the bytes of the device. ``missing`` says in sentences what could not be seen.
    """

    program: str = ""
    rank: int = 0
    world: int = 1
    started: float = 0.0
    seconds: float = 0.0
    ended: str = ""
    boundary: str = ""
    device: str = "cpu"
    total: int | None = None
    torch: str = ""
    cpus: int = 0
    count: int = 0
    steps: tuple[StepRecord, ...] = ()
    samples: tuple[SampleRecord, ...] = ()
    pauses: tuple[PauseRecord, ...] = ()
    holders: tuple[HolderRecord, ...] = ()
    loader: LoaderRecord | None = None
    missing: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RanksRecord:
    """The processes of one run, by rank."""

    ranks: tuple[WatchRecord, ...] = ()


def merged(first: StepRecord, second: StepRecord) -> StepRecord:
    """Two neighbouring records as one: times are added up, memory is the later one's, the peak and the loss both's."""
    both = [one for one in (first.peak, second.peak) if one is not None]
    return StepRecord(
        number=second.number,
        at=second.at,
        seconds=first.seconds + second.seconds,
        steps=first.steps + second.steps,
        pause=first.pause + second.pause,
        input=first.input + second.input,
        forward=first.forward + second.forward,
        backward=first.backward + second.backward,
        optimizer=first.optimizer + second.optimizer,
        starting=first.starting + second.starting,
        saving=first.saving + second.saving,
        collecting=first.collecting + second.collecting,
        batches=first.batches + second.batches,
        backwards=first.backwards + second.backwards,
        shape=first.shape if first.shape == second.shape else "various",
        allocated=_later(first.allocated, second.allocated),
        reserved=_later(first.reserved, second.reserved),
        peak=max(both, default=None),
        rss=_later(first.rss, second.rss),
        graphs=_later(first.graphs, second.graphs),
        loss=_mean(first, second),
        slowest=max(first.slowest or first.working, second.slowest or second.working),
    )


def _later(first: int | None, second: int | None) -> int | None:
    return first if second is None else second


def _mean(first: StepRecord, second: StepRecord) -> float | None:
    if first.loss is None or second.loss is None:
        return second.loss if first.loss is None else first.loss
    return (first.loss * first.steps + second.loss * second.steps) / (first.steps + second.steps)


def thinned(steps: list[StepRecord], whole: int, most: int) -> list[StepRecord]:
    """The last ``whole`` records as they are, those before merged into at most ``most`` of about the same length."""
    old, recent = steps[:-whole] if whole else steps, steps[-whole:] if whole else []
    if len(old) <= most:
        return steps
    # Some end short of their length, where the next one would make them too long: hence not the smallest that fits.
    length = -(-2 * sum(one.steps for one in old) // most)
    kept: list[StepRecord] = []
    for one in old:
        if kept and kept[-1].steps + one.steps <= length:
            kept[-1] = merged(kept[-1], one)
        else:
            kept.append(one)
    return [*kept, *recent]
