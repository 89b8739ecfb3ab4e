"""What is told of failures that take several ranks, from the texts that users have met."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.explained import unstylish_words
from torchdoctor.record import ExceptionRecord, Failure

WATCHDOG = (
    "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=413, OpType=ALLREDUCE, NumelIn=1024, "
    "NumelOut=1024, Timeout(ms)=600000) ran for 600052 milliseconds before timing out."
)
DIFFER = (
    "Detected mismatch between collectives on ranks. Rank 0 is running collective: "
    "CollectiveFingerPrint(SequenceNumber=5, "
    "OpType=ALLREDUCE, TensorShape=[1], TensorDtypes=Float), but Rank 1 is running collective: CollectiveFingerPrint("
    "SequenceNumber=5, OpType=BROADCAST, TensorShape=[1], TensorDtypes=Float)"
)
PARAMS = "DDP expects same model across all ranks, but Rank 0 has 4 params, while rank 1 has inconsistent 2 params."
SIZES = "[1]: params[0] in this process with sizes [10, 4] appears not to match sizes of the same param in process 0."
TWICE = (
    "Expected to mark a variable ready only once. This error is caused by one of the following reasons: "
    "1) Use of a module "
    "parameter outside the `forward` function. Parameter at index 11 with name layers.3.fc.weight has "
    "been marked as ready "
    "twice. This means that multiple autograd engine hooks have fired for this particular parameter."
)
DUPLICATE = (
    "NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:219, invalid usage, NCCL version 2.18.1\n"
    "Last error:\nDuplicate GPU detected : rank 1 and rank 0 both on CUDA device 50000"
)
REMOTE = (
    "NCCL error in: ProcessGroupNCCL.cpp:1250, remote process exited or there was a network error, NCCL version 2.20.5"
)
SYSTEM = "NCCL error in: ProcessGroupNCCL.cpp:1691, unhandled system error (run with NCCL_DEBUG=INFO for details)"
UNUSED = (
    "Expected to have finished reduction in the prior iteration before starting a new one. Parameters "
    "which did not receive "
    "grad for rank 0: head.weight, head.bias\nParameter indices which did not receive grad for rank 0: 2 3"
)
GLOO = (
    "[../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 1800000ms for "
    "recv operation to complete"
)
PEER = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.2]:5432"

TEXTS = [
    ("DistBackendError", WATCHDOG, "collective-timed-out", "ALLREDUCE number 413 of 1024 elements waited for 600 s"),
    (
        "RuntimeError",
        "[Rank 0]: Rank 1 failed to pass monitoredBarrier in 5000 ms",
        "collective-timed-out",
        "rank 1 did not",
    ),
    ("RuntimeError", GLOO, "collective-timed-out", "no data came from another rank within 1800000 ms"),
    ("RuntimeError", PEER, "collective-timed-out", "another rank has ended"),
    ("RuntimeError", DIFFER, "collectives-differ", "rank 0 is in ALLREDUCE while rank 1 is in BROADCAST"),
    ("RuntimeError", PARAMS, "models-differ-across-ranks", "rank 0 has 4 parameters and rank 1 has 2"),
    ("RuntimeError", SIZES, "models-differ-across-ranks", "of index 0 is (10, 4) on rank 1"),
    ("RuntimeError", TWICE, "ddp-parameter-ready-twice", "`layers.3.fc.weight` twice"),
    ("DistBackendError", DUPLICATE, "nccl-failure", "two ranks are on the same GPU"),
    ("DistBackendError", REMOTE, "nccl-failure", "another rank has ended"),
    ("DistBackendError", SYSTEM, "nccl-failure", "found no shared memory"),
    ("RuntimeError", UNUSED, "ddp-parameters-unused", "2 parameters (`head.weight`, `head.bias`)"),
    ("RuntimeError", "No backend type associated with device type cpu", "backend-not-there", "a tensor is on `cpu`"),
    (
        "DistStoreError",
        "Timed out after 3 seconds waiting for clients. 1/2 clients joined.",
        "ranks-did-not-meet",
        "1 of 2",
    ),
]


@pytest.mark.parametrize(("kind", "text", "rule", "message"), TEXTS)
def test_a_text_alone(kind: str, text: str, rule: str, message: str) -> None:
    found = diagnose(Failure(ExceptionRecord(kind, text)))
    assert [finding.rule for finding in found] == [rule]
    assert message in found[0].message
    assert found[0].cures
    assert not list(unstylish_words(found[0]))


def test_a_connection_of_others_is_not_ours() -> None:
    assert not diagnose(Failure(ExceptionRecord("ConnectionError", "Connection closed by peer 10.0.0.2")))
