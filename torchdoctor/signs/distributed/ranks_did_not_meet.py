"""Not all ranks came to the meeting point: one is missing, or it cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Timed out after {n:d} seconds waiting for clients. {k:d}/{m:d} clients joined",
    "The client socket has timed out after {ms:d}ms while trying to connect to ({host}, {port:d})",
    "The client socket has timed out after {s:d}s while trying to connect to ({host}, {port:d})",
    "The client socket has failed to connect to any network address of ({host}, {port:d})",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text tells how many came, or which address did not answer."""
    if "k" in said:
        yield Diagnosis(
            f"{said['k']} of {said['m']} ranks came to the meeting point within {said['n']} s",
            cures=(
                "look at the logs of those that are missing: one has failed before, or was never started",
                f"`WORLD_SIZE={said['m']}` must be the number of processes: nodes times `--nproc-per-node`",
                "the same `MASTER_ADDR` and `MASTER_PORT` on all nodes, and no firewall between them",
            ),
        )
        return
    host, port = said["host"], said["port"]
    local = host in ("127.0.0.1", "localhost", "::1")
    yield Diagnosis(
        f"nobody answered at {host}:{port}, where rank 0 is to be met",
        cures=(
            *(
                ("on several nodes `MASTER_ADDR` is the name of the first one, not this machine's own",)
                if local
                else ()
            ),
            "look at rank 0: it has failed before, starts later, or listens at another port",
            *(() if local else (f"`nc -vz {host} {port}` from this node tells whether a firewall is between",)),
            "where a node has several networks: `NCCL_SOCKET_IFNAME` and `GLOO_SOCKET_IFNAME`",
        ),
    )
