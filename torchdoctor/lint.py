"""Text to findings, and findings to mended text. Pure: reads no files, knows no options, keeps no state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import libcst as cst

from torchdoctor.check import Check, Found, checks_for
from torchdoctor.collector import uncollected
from torchdoctor.edits import anchors, edits_of
from torchdoctor.facts.file import File
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.facts.positions import line_starts
from torchdoctor.finding import Finding, Mark, Span

OnError = Callable[[str, Exception], None]

# To spaces, what no identifier holds: of the first 128 characters all but letters, digits and the underscore.
_SPACED = bytes(code if code >= 128 or chr(code).isalnum() or chr(code) == "_" else 32 for code in range(256))


def lint(
    text: str,
    path: str = "<string>",
    *,
    rules: Iterable[str],
    module_name: str | None = None,
    neighbours: Neighbours | None = None,
    on_error: OnError | None = None,
) -> list[Finding]:
    """All findings of these rules in one file's text, in order of place.

    Comments that suppress are not looked at here. Where a check raises, ``on_error`` is called with its rule and the
    exception, and the other checks go on; without it the exception is raised. Raises libcst.ParserSyntaxError where the
    text is not Python.
    """
    if "torch" not in text and "lightning" not in text:
        return []
    checks = _asking(frozenset(rules), text)
    if not checks:
        return []
    with uncollected():
        twin = neighbours.twin(text, path, module_name) if neighbours is not None else None
        file = File(text, path, module_name=module_name, neighbours=neighbours, twin=twin)
        if neighbours is not None:
            neighbours.adopt(file)
        findings = examine(file, checks, on_error)
        if neighbours is None:
            file.let_go()
        else:
            neighbours.settle(file)
        return findings


def _asking(rules: frozenset[str], text: str) -> list[Check]:
    """The checks that may find anything in a text: one of their words stands in it."""
    data = text.encode("utf-8", "replace")
    # Hundreds of words are looked for; a file's own words, each once, are a fraction of it.
    own = {*data.translate(_SPACED).split()}
    joined = b" ".join(own)
    return [
        check
        for check, names, others in checks_for(rules).checks
        if not check.words
        or not names.isdisjoint(own)
        or any(other in data for other in others)
        or any(name in joined for name in names)
    ]


def examine(file: File, checks: Sequence[Check], on_error: OnError | None = None) -> list[Finding]:
    """Run these checks over a file that is parsed already."""
    pairs: list[tuple[Check, Found]] = []
    for check in checks:
        try:
            for argument in _arguments(file, check):
                for found in check.run(file, argument):
                    pairs.append((check, found))
        except Exception as error:
            if on_error is None:
                raise
            on_error(check.rule, error)
    return _findings(file, pairs, on_error)


def relevant(data: bytes, rules: Iterable[str]) -> bool:
    """Whether any of these rules could find anything in a file with these bytes: a cheap test before parsing."""
    if b"torch" not in data and b"lightning" not in data:
        return False
    chosen = checks_for(frozenset(rules))
    return any(word in data for word in chosen.words) or not all(check.words for check, *_ in chosen.checks)


def mend(text: str, findings: Iterable[Finding]) -> str:
    """The text with the findings' edits made. Of two findings whose edits overlap only the first is mended."""
    return mend_some(text, findings)[0]


def mend_some(text: str, findings: Iterable[Finding]) -> tuple[str, list[Finding]]:
    """The same, and those of the findings that were mended."""
    starts = line_starts(text)

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column - 1 if line <= len(starts) else len(text)

    chosen: dict[tuple[int, int, str], None] = {}
    mended = []
    for finding in findings:
        edits = [(offset(*edit.at.start), offset(*edit.at.end), edit.text) for edit in finding.edits]
        if edits and all(_apart(edit, other) for edit in edits for other in chosen):
            chosen.update(dict.fromkeys(edits))
            mended.append(finding)
    pieces, end = [], len(text)
    for start, stop, new in sorted(chosen, reverse=True):
        pieces += [text[stop:end], new]
        end = start
    return "".join([text[:end], *reversed(pieces)]), mended


def _apart(edit: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    """Two edits may both be made: they touch different text, or they are the same edit."""
    if edit == other:
        return True
    return edit[:2] != other[:2] and (edit[1] <= other[0] or other[1] <= edit[0])


def _arguments(file: File, check: Check) -> Iterator[object]:
    if check.kind == "call":
        yield from file.calls(*check.triggers)
    elif check.kind == "method":
        for method in check.triggers:
            yield from file.calls_by_method.get(method, ())
    elif check.kind == "node":
        for kind in check.triggers:
            yield from file.nodes(kind)
    elif check.kind == "module_class":
        yield from file.classes.modules
    elif check.kind == "flow":
        yield from file.flows.touching(check.words)
    else:
        yield file


def _findings(file: File, pairs: list[tuple[Check, Found]], on_error: OnError | None) -> list[Finding]:
    if not pairs:
        return []
    wanted: dict[File, list[cst.CSTNode]] = {file: []}
    for _, found in pairs:
        wanted[file].append(found.node)
        wanted[file].extend(node for swap in found.swaps for node in anchors(file, swap))
        for mark in found.marks:
            wanted.setdefault(mark[2] if len(mark) == 3 else file, []).append(mark[0])
    places = {owner: owner.locate(nodes) for owner, nodes in wanted.items()}
    findings: dict[Finding, None] = {}
    for check, found in pairs:
        try:
            findings[_finding(file, check, found, places)] = None
        except KeyError as error:  # a node that does not stand in the file that the check named
            if on_error is None:
                raise
            on_error(check.rule, error)
    return sorted(findings, key=lambda finding: finding.sort_key)


def _finding(file: File, check: Check, found: Found, places: dict[File, dict[cst.CSTNode, Span]]) -> Finding:
    marks = []
    for mark in found.marks:
        owner = mark[2] if len(mark) == 3 else file
        marks.append(Mark(places[owner][mark[0]], _one_line(mark[1])))
    return Finding(
        rule=check.rule,
        message=_one_line(found.message),
        at=places[file][found.node],
        marks=tuple(marks),
        evidence=tuple(map(_one_line, found.evidence)),
        edits=edits_of(file, found.swaps, places[file]),
    )


def _one_line(text: str) -> str:
    """What is said quotes code, and code may be broken over lines."""
    return " ".join(text.split()) if "\n" in text or "\r" in text else text
