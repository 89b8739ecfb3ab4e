"""`torch.from_numpy` of what is no array: a list, a tensor, a data frame, a single number."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure("expected np.ndarray (got {type:w})", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names the type; the code comes from the user's call."""
    kind = said["type"].rpartition(".")[2]
    value = next(iter(failure.asked.operands), None) if failure.asked is not None else None
    code = value.code if value is not None and 0 < len(value.code) < 50 else "x"
    name = f"`{code}`" if value is not None and value.code == code else "what it got"
    yield Diagnosis(
        f"{name} is a {kind}, and `torch.from_numpy` takes arrays alone",
        cures=tuple(_cures(kind, code)),
        roots=made(value, f"{name} is made here", "value"),
    )


def _cures(kind: str, code: str) -> Iterator[str]:
    if kind in ("DataFrame", "Series"):
        yield f"`torch.from_numpy({code}.to_numpy(dtype='float32'))`"
    elif kind in ("Tensor", "Parameter"):
        yield f"`{code}` as it is: it is a tensor already"
    elif kind in ("csr_matrix", "csc_matrix", "coo_matrix"):
        yield f"`torch.from_numpy({code}.toarray())`"
    else:
        yield f"`torch.as_tensor({code})`, which takes lists, numbers and arrays"
