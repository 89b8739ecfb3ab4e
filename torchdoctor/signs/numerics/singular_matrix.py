"""A matrix that `torch.linalg` cannot work with: singular, not positive-definite, or holding nan."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "the inversion could not be completed because the input matrix is singular",
    "The solver failed because the input matrix is singular",
    "the input is not positive-definite",
    "The algorithm failed to converge because the input matrix contained non-finite values",
    "The algorithm failed to converge because the input matrix is ill-conditioned",
    raises=("RuntimeError", "LinAlgError", "_LinAlgError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text tells what is wrong with it; the operand has its size, dtype and nans."""
    value = failure.operand("A", "self", "input", 0)
    tensor = value.tensor if value is not None else None
    name = failure.name_of(value, "the matrix")
    size = f" {tensor.size_text}" if tensor is not None else ""
    own = value.code if value is not None and value.code.isidentifier() else "A"
    n = tensor.shape[-1] if tensor is not None and tensor.shape else "n"
    jitter = f"`{own} + 1e-6 * torch.eye({n}, dtype={own}.dtype, device={own}.device)`"
    single = tensor is not None and tensor.dtype == "float32"
    double = (f"in double precision: `{own}.double()`",) if single else ()
    cures: tuple[str, ...]
    if "non-finite" in said.text:
        what, cures = (
            "holds nan or inf",
            ("look where they came from; a `log`, a division, or weights that have grown too large",),
        )
    elif "positive-definite" in said.text:
        what = "is not positive-definite, as Cholesky needs it"
        cures = (
            f"add a little to the diagonal, from 1e-6 upwards: {jitter}",
            f"make it symmetric first: `({own} + {own}.mT) / 2`",
            *double,
        )
    elif "ill-conditioned" in said.text:
        what, cures = "is ill-conditioned", (*double, f"add a little to the diagonal, from 1e-6 upwards: {jitter}")
    else:
        what = "is singular: its rows depend on each other"
        cures = (
            "`torch.linalg.lstsq(A, b).solution` or `torch.linalg.pinv(A)`, which bear that",
            f"add a little to the diagonal, from 1e-6 upwards: {jitter}",
            "look for columns that are equal, constant or zero",
        )
    yield Diagnosis(
        f"{name}{size} {what}",
        cures=cures,
        roots=(Root(value, f"{name} is computed here", "value"),) if value is not None else (),
    )
