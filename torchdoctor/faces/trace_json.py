"""A trace's record and what is wrong in it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from torchdoctor.faces.json import finding
from torchdoctor.finding import Finding
from torchdoctor.record_json import plain
from torchdoctor.trace_record import PHASES, RanksTraceRecord, TraceRecord


def report(
    record: TraceRecord | None,
    findings: Sequence[Finding],
    traces: Sequence[str] = (),
    run: RanksTraceRecord | None = None,
) -> str:
    """In ASCII, and never NaN: any parser reads it. ``trace`` is null where nothing was profiled; of several ranks'
    traces it is that of the one that the others wait for, and ``ranks`` has the steps and the shares of all.
    """
    document = {
        "version": 1,
        "trace": plain(record) if record is not None else None,
        "shares": shares(record) if record is not None else None,
        "findings": [{**finding(found), "cures": list(found.cures)} for found in findings],
        "traces": list(traces),
    }
    if run is not None:
        document["ranks"] = [
            {"rank": one.rank, "source": one.source, "shares": shares(one), "steps": plain(one.steps)}
            for one in run.ranks
        ]
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def shares(record: TraceRecord) -> dict[str, float]:
    """The parts of the steps' time, 0 to 1: of the main thread by phase, and of the GPU busy."""
    found = {phase: round(record.share(record.phase(phase)), 5) for phase in PHASES}
    return {**found, **({"gpu_busy": round(record.share(record.busy), 5)} if record.gpu else {})}
