"""What a run recorded to findings. Pure: reads no files, runs nothing, keeps no state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from torchdoctor.finding import Finding, Mark, Span
from torchdoctor.record import Failure, FrameRecord, FunctionRecord, GraphRecord, ModuleRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Sign, all_signs, record_signs

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

OnError = Callable[[str, Exception], None]
OpenFile = Callable[[str], "File | None"]


def diagnose(
    failure: Failure,
    *,
    rules: Iterable[str] | None = None,
    open_file: OpenFile | None = None,
    on_error: OnError | None = None,
) -> list[Finding]:
    """What is wrong, the likeliest first; nothing where nothing is known of the failure, or it is not torch's.

    The failure itself is looked at first, then what it was raised from. ``open_file`` gives the source facts of a file
    of the traceback, for the places where things were made; without it findings have the failing place alone. Where
    a sign raises, ``on_error`` is called with its rule and the exception, and the other signs go on; without it the
    exception is raised.
    """
    wanted = None if rules is None else frozenset(rules)
    signs = [sign for sign in all_signs() if wanted is None or sign.rule in wanted]
    for one in _chain(failure):
        if found := _asked(one, signs, on_error):
            # What a worker told has no frame of the user's when it fell in torch: then the place is where it surfaced.
            place = failure.user.place if one.user is None and failure.user is not None else None
            return [_finding(one, place, sign, diagnosis, open_file, on_error) for sign, diagnosis in found]
    return []


def examine(
    record: object,
    *,
    rules: Iterable[str] | None = None,
    open_file: OpenFile | None = None,
    on_error: OnError | None = None,
) -> list[Finding]:
    """What is wrong by a record of another kind (of memory, of steps, of a trace): the costliest first, then by name.

    Where a sign is sure, what others find likely is dropped. ``open_file`` and ``on_error`` are as in ``diagnose``.
    """
    wanted = None if rules is None else frozenset(rules)
    found: list[tuple[str, Diagnosis]] = []
    for sign in record_signs():
        if sign.kind is not type(record) or (wanted is not None and sign.rule not in wanted):
            continue
        try:
            found += [(sign.rule, diagnosis) for diagnosis in sign.run(record)]
        except Exception as error:
            if on_error is None:
                raise
            on_error(sign.rule, error)
    told = [pair for pair in found if pair[1].sure] or found
    told.sort(key=lambda pair: -pair[1].weight)
    return [_measured(rule, diagnosis, open_file) for rule, diagnosis in told]


def _measured(rule: str, diagnosis: Diagnosis, open_file: OpenFile | None) -> Finding:
    """Where the record has no place, the finding's is the line that builds the first layer among its roots."""
    at = diagnosis.at.place if isinstance(diagnosis.at, FrameRecord) else diagnosis.at
    marks: list[Mark] = []
    for root in diagnosis.roots:
        span = _root(root.subject, open_file)
        if span is not None and at is None and isinstance(root.subject, ModuleRecord):
            at = span
        elif span is not None and span != at and all(span != mark.at for mark in marks):
            marks.append(Mark(span, root.text))
    return Finding(rule, diagnosis.message, at, tuple(marks), diagnosis.evidence, cures=diagnosis.cures)


def _root(subject: object, open_file: OpenFile | None) -> Span | None:
    if isinstance(subject, Span):
        return subject
    if isinstance(subject, ModuleRecord) and open_file is not None and subject.holder_path:
        from torchdoctor.facts import whence

        file = open_file(subject.holder_path)
        return whence.built(file, subject.holder, subject.attribute) if file is not None else None
    return None


def _chain(failure: Failure) -> Iterable[Failure]:
    """A failure and what it was raised from; what another process raised goes before the exception that retells it."""
    retold = [cause for cause in failure.causes if _retells(failure, cause)]
    for cause in retold:
        yield from _chain(cause)
    yield failure
    for cause in failure.causes:
        if cause not in retold:
            yield from _chain(cause)


def _retells(failure: Failure, cause: Failure) -> bool:
    return "Traceback (most recent call last):" in failure.message and cause.message in failure.message


def _asked(failure: Failure, signs: list[Sign], on_error: OnError | None) -> list[tuple[Sign, Diagnosis]]:
    """What the signs say of it: the sure ones, or where no sign is sure, the likely ones."""
    found: list[tuple[Sign, Diagnosis]] = []
    for sign in signs:
        try:
            if (said := sign.match(failure)) is not None:
                found += [(sign, diagnosis) for diagnosis in sign.run(failure, said)]
        except Exception as error:
            if on_error is None:
                raise
            on_error(sign.rule, error)
    sure = [pair for pair in found if pair[1].sure]
    return sure or found


def _finding(
    failure: Failure,
    surfaced: Span | None,
    sign: Sign,
    diagnosis: Diagnosis,
    open_file: OpenFile | None,
    on_error: OnError | None,
) -> Finding:
    at = surfaced if surfaced is not None and diagnosis.at is None else _place(failure, diagnosis)
    marks: list[Mark] = []
    for root in diagnosis.roots:
        try:
            span = _where(failure, root, open_file)
        except Exception as error:
            if on_error is None:
                raise
            on_error(sign.rule, error)
            continue
        if span is not None and span != at and all(span != mark.at for mark in marks):
            marks.append(Mark(span, root.text))
    if not failure.live and open_file is not None and diagnosis.at is None:
        marks += [mark for mark in _of_source(failure, open_file) if all(mark.at != one.at for one in marks)]
    codes = [_code(open_file, mark.at) for mark in marks] if open_file is not None else []
    by_source = tuple(diagnosis.by_source(codes)) if diagnosis.by_source is not None and codes else ()
    return Finding(
        rule=sign.rule,
        message=diagnosis.message,
        at=at,
        marks=tuple(marks),
        evidence=diagnosis.evidence,
        cures=by_source or diagnosis.cures,
    )


def _of_source(failure: Failure, open_file: OpenFile) -> Iterable[Mark]:
    """Of a pasted traceback whose files lie here: where the called layer is built, and where its input was made."""
    user, inner = failure.user, failure.inner
    file = open_file(user.path) if user is not None and user.at is not None else None
    if file is None or user is None or user.at is None:
        return
    from torchdoctor.facts import failing

    layer = failing.layer_at(file, user.at) if inner is not None and inner.package == "torch" else None
    if layer is not None:
        yield Mark(layer.built, f"`{layer.code}` is built here")
    yield from failing.made_at(file, user.at)


def _code(open_file: OpenFile, span: Span) -> str:
    """What stands at a place, in one line."""
    file = open_file(span.path)
    lines = file.text.splitlines()[span.line - 1 : span.end_line] if file is not None else []
    if lines:
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
    return " ".join(" ".join(lines).split())


def _place(failure: Failure, diagnosis: Diagnosis) -> Span | None:
    if isinstance(diagnosis.at, Span):
        return diagnosis.at
    frame = diagnosis.at or failure.user or failure.inner
    return frame.place if frame is not None else None


def _where(failure: Failure, root: Root, open_file: OpenFile | None) -> Span | None:
    subject = root.subject
    if isinstance(subject, Span):
        return subject
    if isinstance(subject, FrameRecord):
        return subject.place
    if open_file is None:
        return None
    from torchdoctor.facts import whence, writes

    if isinstance(subject, GraphRecord):
        files = [file for path in subject.paths if (file := open_file(path)) is not None]
        if subject.optimizers:
            return writes.stepped(files, subject.optimizers)
        return writes.written(files, subject.names, subject.writers)
    if isinstance(subject, FunctionRecord):
        paths = [subject.path] if subject.path else [frame.path for frame in reversed(failure.frames) if frame.user]
        files = [file for path in dict.fromkeys(paths) if (file := open_file(path)) is not None]
        spans = (whence.ended(file, subject.line, subject.name, root.aspect) for file in files)
        return next((span for span in spans if span is not None), None)
    if isinstance(subject, ModuleRecord):
        file = open_file(subject.holder_path) if subject.holder_path else None
        return whence.built(file, subject.holder, subject.attribute) if file is not None else None
    return _made(failure, subject, root.aspect, open_file)


def _made(failure: Failure, value: ValueRecord, aspect: str, open_file: OpenFile) -> Span | None:
    """Where the value got this aspect: in the user's frame, or in that of a caller that handed it on."""
    from torchdoctor.facts import severed, whence

    own = failure.owned(value)
    for frame in reversed(failure.frames):
        if not frame.user:
            continue
        names = [own] if own is not None and frame is failure.user else failure.named(value, frame)
        file = open_file(frame.path) if names else None
        for name in names if file is not None else ():
            if file is None:
                continue
            if aspect == "grad" and (span := severed.cut(file, frame.place, name.code, _tracked(frame))) is not None:
                return span
            if (span := whence.made(file, frame.place, name.code, aspect)) is not None:
                return span
    return None


def _tracked(frame: FrameRecord) -> dict[str, bool]:
    """Of the tensors that a frame names, whether they require a gradient."""
    return {value.code: value.tensor.requires_grad for value in frame.locals if value.tensor is not None}
