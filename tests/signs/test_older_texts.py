"""Wordings of torch 2.4 that later releases have changed. The pages' own failures are raised by the torch that is
installed, so without these the templates of older ones could be lost unseen."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.record import ExceptionRecord, Failure

SIZES = "tuple of ints size, *, torch.dtype dtype = None, torch.device device = None"
LISTED = "but expected one of:\n * (tuple of Tensors tensors, int dim = 0, *, Tensor out = None)\n"
TEXTS = [
    (
        "port-in-use",
        "DistNetworkError",
        "The server socket has failed to listen on any local network address. useIpv6: 0, code: -98, name: EADDRINUSE, "
        "message: address already in use",
        "the port, where the ranks are to meet",
    ),
    (
        "ranks-did-not-meet",
        "DistNetworkError",
        "The client socket has timed out after 1s while trying to connect to (127.0.0.1, 50441).",
        "127.0.0.1:50441",
    ),
    ("backend-not-there", "AssertionError", "Unknown c10d backend type NCLL", "`ncll`"),
    (
        "attention-mask-mismatch",
        "AssertionError",
        "expecting key_padding_mask shape of (20, 8), but got torch.Size([8, 20])",
        "its dim 0 is 8, and the batch is 20",
    ),
    (
        "gather-index-mismatch",
        "RuntimeError",
        "Expected index [5, 1] to be smaller than self [3, 5] apart from dimension 1",
        "(5, 1)",
    ),
    (
        "gather-index-mismatch",
        "RuntimeError",
        "Expected index [2, 3] to be smaller than self [2, 5] apart from dimension 1 "
        "and to be smaller size than src [2, 2]",
        "(2, 2)",
    ),
    ("negative-size", "RuntimeError", "invalid shape dimension -2", "-2"),
    (
        "tensors-not-in-a-list",
        "TypeError",
        f"cat() received an invalid combination of arguments - got (Tensor, Tensor, dim=int), {LISTED}",
        "one list of tensors",
    ),
    ("fill-value-overflow", "RuntimeError", "value cannot be converted to type at::Half without overflow", "float16"),
    ("float-index", "RuntimeError", "gather(): Expected dtype int64 for index", "int64"),
    ("no-kernel-for-dtype", "RuntimeError", "\"add_stub\" not implemented for 'UInt16'", "uint16"),
]


@pytest.mark.parametrize(
    ("rule", "kind", "text", "told"), TEXTS, ids=[f"{rule}-{n}" for n, (rule, *_) in enumerate(TEXTS)]
)
def test_an_older_wording_is_told(rule: str, kind: str, text: str, told: str) -> None:
    bases = ("RuntimeError", "Exception") if kind == "DistNetworkError" else ("Exception",)
    found = diagnose(Failure(ExceptionRecord(kind, text, bases), blame="torch"))
    assert found and found[0].rule == rule and told in found[0].message, found


@pytest.mark.parametrize(
    "text",
    [
        f"cat() received an invalid combination of arguments - got (list, dimension=int), {LISTED}",
        "zeros() received an invalid combination of arguments - got (int, dtype=type), but expected one of:\n "
        f"* ({SIZES})\n",
    ],
)
def test_a_list_where_a_list_belongs_is_not_blamed(text: str) -> None:
    found = diagnose(Failure(ExceptionRecord("TypeError", text, ("Exception",)), blame="torch"))
    assert "python-values-for-tensor" not in [one.rule for one in found]
