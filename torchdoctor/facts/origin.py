"""One expression that makes a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


@dataclass(frozen=True, slots=True)
class Origin:
    """An expression that makes a value, and the file that it stands in."""

    file: File
    node: cst.BaseExpression
