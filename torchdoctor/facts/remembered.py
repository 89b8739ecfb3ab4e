"""What has been found out of a file lives as long as the file keeps it: how it is remembered, and let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


def remembered(file: File, what: str) -> dict[Any, Any]:
    """The answers of a fact that is a plain function. A weak dictionary would never forget: answers know their file."""
    answers: dict[Any, Any] = file.__dict__.setdefault(f"remembered {what}", {})
    return answers


def break_circles(facts: dict[str, Any]) -> None:
    """Take the facts of a file apart: flows know the flows they are of, and a class is one of its own ancestry.

    So memory is given back at once, and nobody has to look for circles among millions of nodes.
    """
    if "classes" in facts:
        for one in facts["classes"].known():
            one.__dict__.clear()
    for name in ("flows", "classes"):
        if name in facts:
            facts[name].__dict__.clear()
