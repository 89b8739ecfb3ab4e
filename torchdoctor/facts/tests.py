"""Code that tests other code."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_FRAMEWORKS = ("pytest", "unittest", "torch.testing._internal", "absl.testing", "hypothesis")


def holds_tests(file: File) -> bool:
    """Whether a file is made of tests: by what it imports, or by where it stands, as test runners tell it."""
    path = PurePath(file.path)
    named = (path.stem.startswith("test_") and "tests" in path.parts[:-1]) or path.stem == "conftest"
    return named or any(file.imports(framework) for framework in _FRAMEWORKS)
