"""A trial in which the model raised: the exception, its line, its module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torchdoctor.probes.check_model.feeding import NotFed
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.failure import failure_of
from torchdoctor.probes.plain import class_name
from torchdoctor.record import Failure, FrameRecord
from torchdoctor.trial_record import FailedTrial

_OURS = frozenset({"torch", "torchdoctor", "python"})
_LONGEST = 160


class ModelFailed(Exception):
    """The model raised in a trial; ``record`` tells how, ``error`` is what it raised. Ends the trial."""

    def __init__(self, record: FailedTrial, error: Exception) -> None:
        super().__init__(record.message)
        self.record, self.error = record, error


@contextmanager
def doing(patient: Patient, kind: str, what: str) -> Iterator[None]:
    """What the model raises inside ends the trial ``kind``, in which it was asked for ``what``: raises ModelFailed."""
    try:
        yield
    except (ModelFailed, NotFed):
        raise
    except Exception as error:
        raise ModelFailed(failed(patient, kind, what, error), error) from None


def failed(patient: Patient, kind: str, what: str, error: Exception) -> FailedTrial:
    """The record of an exception that the model has raised."""
    failure = failure_of(error)
    frame = _innermost(failure)
    return FailedTrial(
        model=patient.name,
        kind=kind,
        doing=what,
        error=class_name(type(error)),
        message=one_line(str(error)),
        at=frame.place if frame is not None else None,
        module=failure.layer or failure.module,
        failure=failure,
        caller=patient.caller,
    )


def one_line(message: str) -> str:
    """The first line of an exception's text, cut where it is long."""
    first = next((row.strip() for row in message.splitlines() if row.strip()), "").replace("`", "'")
    first = first if len(first) <= _LONGEST else first[:_LONGEST].rpartition(" ")[0] + " (and more)"
    return first.rstrip(".!: ")


def _innermost(failure: Failure) -> FrameRecord | None:
    """The innermost frame outside torch: the line of the model's own forward."""
    return next((frame for frame in reversed(failure.frames) if frame.package not in _OURS), None)
