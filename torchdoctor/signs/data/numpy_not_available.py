"""torch cannot reach NumPy: it is not installed, or of another major version than torch was built for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "^Numpy is not available",
    "A module that was compiled using NumPy 1.x cannot be run in NumPy {numpy:w}",
    raises=("RuntimeError", "ImportError", "UserWarning"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """torch before 2.3 was built with NumPy 1, and finds nothing that it knows in NumPy 2."""
    torch, numpy = failure.environment.get("torch"), failure.environment.get("numpy") or said["numpy"]
    have = f"torch {torch}" if torch else "this torch"
    if failure.live and not numpy:
        yield Diagnosis(f"{have} cannot reach NumPy: it is not installed here", ("`pip install numpy`",))
    else:
        which = f"NumPy {numpy}" if numpy else "the NumPy that is installed"
        yield Diagnosis(
            f"{have} was built for another major version of NumPy than {which}",
            (
                "`pip install 'numpy<2'`, for torch before 2.3",
                "`pip install -U torch`: 2.3 and later take NumPy 2",
            ),
        )
