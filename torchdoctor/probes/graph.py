"""A post mortem of the autograd graph."""

from __future__ import annotations

import types

from torchdoctor.probes.reach import Named
from torchdoctor.probes.value import Values
from torchdoctor.record import Failure, GraphRecord


def post_mortem(
    failure: Failure, links: list[types.TracebackType], names: list[Named], values: Values
) -> tuple[GraphRecord, ...]:
    return ()
