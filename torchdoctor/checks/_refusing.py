"""What the checks of shapes share: a finding for each refusal of their rule.

They all look at files with the word "torch" in them, whatever layers these name: a block of another file has its
layers there. One evaluation of a file's flows serves all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found
from torchdoctor.facts.file import File
from torchdoctor.facts.refused import marks, message


def refused(file: File, rule: str) -> Iterator[Found]:
    """What torch refuses under this rule's name, each fault once."""
    for node, found in file.refusals.of(rule):
        yield Found(node, message(found), marks=marks(file, node, found))
