"""The trials by name, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torchdoctor.probes.check_model import (
    batching,
    compiling,
    copying,
    evaluating,
    growing,
    moving,
    overfitting,
    precision,
    saving,
    stepping,
)
from torchdoctor.probes.check_model.failing import ModelFailed
from torchdoctor.probes.check_model.feeding import NotFed
from torchdoctor.probes.check_model.patient import Patient, Uncopied

TRIALS: dict[str, Callable[[Patient], Iterator[object]]] = {
    "copy": copying.deep,
    "pickle": copying.pickled,
    "step": stepping.trial,
    "finite": precision.trial,
    "overfit": overfitting.trial,
    "eval": evaluating.trial,
    "batch": batching.mixing,
    "batch-of-one": batching.alone,
    "half": precision.under_autocast,
    "checkpoint": saving.weights,
    "resume": saving.training,
    "graph": growing.trial,
    "device": moving.trial,
    "compile": compiling.parity,
}
# Where a training step fails, these fail of the same: it is told once.
_NEED_A_STEP = frozenset({"finite", "overfit", "half", "checkpoint", "resume", "graph", "compile", "device"})


def tried(patient: Patient, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """The records of the trials of these names, each with its name; one that the model ended is a record too."""
    broken: set[str] = set()
    told: set[tuple[str, str]] = set()
    for name in names:
        if name in broken:
            continue
        try:
            yield from ((name, record) for record in TRIALS[name](patient))
        except ModelFailed as failed:
            if name == "step":
                broken |= _NEED_A_STEP
            # A fixed size of the batch ends several trials at one line, each with its own numbers.
            this = failed.record.error, str(failed.record.at or failed.record.message)
            if this not in told:
                told.add(this)
                yield name, failed.record
        except NotFed:
            raise
        except Uncopied as reason:
            patient.notes.append(f"no other trial was made: {reason}, and no function was given that builds it")
            return
        except Exception as fault:  # of ours, or of something that no trial was made for: the others go on
            patient.notes.append(f"the trial {name!r} could not be made ({type(fault).__name__}: {fault})")
