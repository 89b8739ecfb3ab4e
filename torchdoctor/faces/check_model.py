"""``torchdoctor.check_model(model, batch, loss)``: the one call that a model's test needs."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from torchdoctor.faces.verdict import Violated, noted
from torchdoctor.finding import Finding, Span

if TYPE_CHECKING:
    from torchdoctor.probes.check_model.patient import Patient
    from torchdoctor.trial_record import DeviceTrial, FailedTrial


class ModelCheckFailed(Violated):
    """Some trials of a model have found something: ``findings`` say what, ``notes`` what could not be tried."""


@dataclass(frozen=True)
class ModelReport:
    """What ``check_model`` returns of a model that is well: the trials, and notes on what could not be tried."""

    tried: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{len(self.tried)} trials, nothing found\n{noted(self.notes)}".rstrip()


def check_model(
    model: Any,
    batch: Any,
    loss: Callable[..., Any] | None = None,
    *,
    step: Callable[[Any, Any], Any] | None = None,
    optimizer: Callable[..., Any] | None = None,
    unused: Iterable[str] = (),
    batch_dim: int | None = None,
    autocast: Any = "",
    compile: bool | str = False,
    steps: int = 40,
    overfit_to: float | None = None,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    seed: int = 0,
) -> ModelReport:
    """Try a model out, as its users will: all trials are made, and all that they find is raised at once.

    ``model`` is an nn.Module, or a function that builds one, which tries more: what a state dict does not hold shows in
    a new model only. ``batch`` is a tensor, a tuple (the last item is the target), or a mapping (passed as keywords).
    ``loss`` is called with output and target, of a mapping with output and batch; with the output alone where it takes
    one argument; without it the output's own ``loss`` is taken. ``step`` is for all other ways: it is called with model
    and batch and returns the loss. ``optimizer`` is a class, or a function of the model.

    ``unused`` are patterns of parameters that need no gradient ("aux_head.*"). ``batch_dim`` counts the samples, 0
    where it is not said. ``autocast`` is the dtype ("bfloat16", "float16") in which the model claims to work.
    ``compile`` also compares with torch.compile, by the backend of that name (True: inductor). ``steps`` is how long
    one batch is trained on; ``overfit_to`` is the loss that must be reached, without it a twentieth less. ``only`` and
    ``skip`` are names of trials: copy, pickle, step, finite, overfit, eval, batch, batch-of-one, half, checkpoint,
    resume, graph, device, compile.

    Works on copies: the user's model, its gradients and modes and the random numbers stay as they were. Raises
    ModelCheckFailed (an AssertionError) with ``findings``, TypeError and ValueError for what cannot be tried at all.
    """
    __tracebackhide__ = True
    from torchdoctor.probes.check_model.trials import TRIALS

    torch = sys.modules.get("torch")
    factory = None if _is_module(torch, model) else model
    if not callable(model):
        raise TypeError(f"check_model takes a model, or a function that builds one, not a {type(model).__name__}")
    if loss is not None and step is not None:
        raise TypeError("check_model takes `loss` or `step`, not both: `step` computes the loss by itself")
    names = _chosen(TRIALS, only, skip)
    asked = {"half": bool(autocast), "compile": bool(compile)}
    names = [name for name in names if asked.get(name, True)]
    from torchdoctor.probes.check_model.feeding import Feeding
    from torchdoctor.probes.check_model.patient import undisturbed

    made = _built(factory, seed) if factory is not None else model
    if not _is_module(torch, made):
        raise TypeError(f"the function that should build the model has returned a {type(made).__name__}")
    variable, caller = _named(sys._getframe(1), model)
    settings: dict[str, Any] = {
        "factory": factory,
        "optimizer": optimizer,
        "unused": (unused,) if isinstance(unused, str) else tuple(unused),
        "batch_dim": batch_dim,
        "steps": steps,
        "overfit_to": overfit_to,
        "autocast": _dtype(autocast),
        "compiler": "inductor" if compile is True else compile or "",
        "seed": seed,
        "caller": caller,
        "variable": variable,
    }
    with undisturbed(made):
        patient = _patient(made, batch, Feeding(loss, step), settings)
        records = _records(patient, names)
        found = _findings(patient, records)
    notes = tuple(dict.fromkeys(patient.notes))
    if found:
        sick = list(dict.fromkeys(name for name, _ in found))
        title = f"{patient.name}: {len(sick)} of {len(names)} trials found something ({', '.join(sick)})"
        raise ModelCheckFailed(title, list(dict.fromkeys(one for _, one in found)), notes)
    return ModelReport(tuple(names), notes)


def _is_module(torch: Any, model: Any) -> bool:
    return torch is not None and isinstance(model, torch.nn.Module)


def _chosen(known: Iterable[str], only: Iterable[str], skip: Iterable[str]) -> list[str]:
    known = list(known)
    only, skip = ([words] if isinstance(words, str) else list(words) for words in (only, skip))
    for word in (*only, *skip):
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"there is no trial {word!r}: {hint}The trials are {', '.join(known)}")
    return [name for name in known if (not only or name in only) and name not in skip]


def _dtype(autocast: Any) -> str:
    name = str(autocast or "").removeprefix("torch.")
    name = {"bf16": "bfloat16", "fp16": "float16", "half": "float16"}.get(name, name)
    if name not in ("", "bfloat16", "float16"):
        raise ValueError(f"autocast is 'bfloat16' or 'float16', not {autocast!r}")
    return name


def _built(factory: Callable[[], Any], seed: int) -> Any:
    """The model of a factory, always the same; random numbers stay as they were."""
    torch = sys.modules["torch"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()


def _named(frame: FrameType, model: Any) -> tuple[str, Span | None]:
    """What the caller calls the model, and the line of the call."""
    from torchdoctor.probes.places import span

    names = [name for name, value in {**frame.f_globals, **frame.f_locals}.items() if value is model]
    return (names[-1] if names else ""), span((frame.f_code.co_filename, frame.f_lineno))


def _patient(model: Any, batch: Any, feeding: Any, settings: dict[str, Any]) -> Patient:
    """The patient; lazy layers are given their first input in a copy."""
    from collections.abc import Mapping

    from torchdoctor.probes.check_model.patient import Patient, is_lazy

    batch = dict(batch) if isinstance(batch, Mapping) else batch
    patient = Patient(model, batch, feeding, **settings)
    if is_lazy(model):
        ready = patient.fresh(train=False)
        sys.modules["torch"].no_grad()(feeding.output)(ready, patient.data())
        patient = Patient(ready, batch, feeding, **settings)
    return patient


def _records(patient: Patient, names: list[str]) -> list[tuple[str, object]]:
    """The records of the trials; where the model cannot be copied there are no others than those of copies."""
    from torchdoctor.probes.check_model.trials import tried

    try:
        patient.fresh(train=True)
    except Exception:
        names = ["copy", *(name for name in names if name == "pickle")]
        patient.notes.append(
            "no other trial was made: the model cannot be copied, and no function was given that builds it"
        )
    return list(tried(patient, names))


def _findings(patient: Patient, records: list[tuple[str, object]]) -> list[tuple[str, Finding]]:
    """What the signs find in the records, each with its trial; where there is no other place, at the caller's line."""
    from torchdoctor.diagnose import examine
    from torchdoctor.project.tracefiles import TraceFiles
    from torchdoctor.trial_record import DeviceTrial, FailedTrial

    files = TraceFiles()
    found: list[tuple[str, Finding]] = []
    for name, record in records:
        if isinstance(record, (FailedTrial, DeviceTrial)):
            record = _explained(record, files)
        told = examine(record, open_file=files, on_error=lambda rule, error: patient.notes.append(f"{rule}: {error}"))
        found += [(name, one if one.at is not None else replace(one, at=patient.caller)) for one in told]
    return found


def _explained(record: FailedTrial | DeviceTrial, files: Any) -> FailedTrial | DeviceTrial:
    """A trial that the model ended, with what is known of the exception by itself."""
    from torchdoctor.diagnose import diagnose
    from torchdoctor.probes.packages import package_of
    from torchdoctor.trial_record import DeviceTrial

    found = diagnose(record.failure, open_file=files, on_error=lambda *_: None) if record.failure is not None else []
    if not found:
        return record
    first = found[0]
    roots = tuple((mark.at, mark.text) for mark in first.marks)
    own = first.at is not None and package_of(first.at.path) not in ("torch", "torchdoctor", "python")
    at = first.at if own else record.at
    if isinstance(record, DeviceTrial):
        return replace(record, told=first.message, at=at, roots=roots)
    return replace(record, rule=first.rule, told=first.message, cures=first.cures, at=at, roots=roots)
