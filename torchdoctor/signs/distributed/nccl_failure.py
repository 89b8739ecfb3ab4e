"""An error of NCCL: two ranks on one GPU, no shared memory, no way between the nodes, or an error before."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Duplicate GPU detected",
    "unhandled system error",
    "unhandled cuda error",
    "remote process exited or there was a network error",
    "ncclSystemError",
    "ncclUnhandledCudaError",
    "ncclRemoteError",
    "NCCL error in:",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """NCCL's own last error, where the text has it, decides."""
    text = failure.message
    if "NCCL" not in text and "nccl" not in text:
        return
    debug = "`NCCL_DEBUG=WARN` before the start: NCCL then says what failed"
    own = "`torch.cuda.set_device(int(os.environ['LOCAL_RANK']))`, right after the start of each process"
    shared = "in Docker: `--ipc=host`, or `--shm-size=8g`: NCCL hands data over in /dev/shm"
    if "Duplicate GPU" in text:
        rank = f" (`LOCAL_RANK={failure.environment['LOCAL_RANK']}`)" if "LOCAL_RANK" in failure.environment else ""
        yield Diagnosis(
            f"two ranks are on the same GPU{rank}", cures=(own, "`--nproc-per-node` at most the number of GPUs")
        )
    elif "remote" in said.text or "ncclRemote" in text:
        yield Diagnosis(
            "another rank has ended, or the network to it has failed, in the middle of a collective",
            cures=("the first error in time, over the logs of all ranks, is the cause", debug),
        )
    elif "system" in said.text or "ncclSystem" in text:
        yield Diagnosis(
            "NCCL could not reach a rank, or found no shared memory",
            cures=(
                shared,
                "choose the network: `NCCL_SOCKET_IFNAME=eth0`; try `NCCL_P2P_DISABLE=1`, `NCCL_IB_DISABLE=1`",
                debug,
            ),
        )
    else:
        yield Diagnosis(
            "a call of NCCL into CUDA failed: memory, two ranks on one GPU, or an error of a kernel before",
            cures=(own, "look at `nvidia-smi`: is a GPU full, or its driver older than this build?", debug),
        )
