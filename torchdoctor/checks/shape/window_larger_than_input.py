"""Finds windows of convolutions and pooling that are larger than what they slide over."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_file
from torchdoctor.checks._refusing import refused
from torchdoctor.facts.file import File


@on_file(
    words=(
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "MaxPool1d",
        "MaxPool2d",
        "MaxPool3d",
        "AvgPool1d",
        "AvgPool2d",
        "AvgPool3d",
    )
)
def check(file: File, _: File) -> Iterator[Found]:
    yield from refused(file, "window-larger-than-input")
