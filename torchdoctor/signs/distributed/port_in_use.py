"""The port at which the ranks meet is taken: by an earlier run that still hangs, or by another job."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "The server socket has failed to listen on any local network address. port: {port:d}{}EADDRINUSE",
    "The server socket has failed to listen on any local network address{}port: {port:d}",
    "The server socket has failed to listen on any local network address. The server socket has failed to bind to",
    "The server socket has failed to listen on any local network address{}EADDRINUSE",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The port stands in the text."""
    port = said["port"]
    shown = f"port {port}" if port is not None else "the port"
    number = port if port is not None else 29500
    yield Diagnosis(
        f"{shown}, where the ranks are to meet, is taken by another process",
        cures=(
            f"look who has it: `ss -ltnp | grep {number}`; an earlier run that still hangs is to be ended",
            f"another port: `torchrun --master-port={number + 1 if number < 65535 else number - 1} ...`",
            "`torchrun --standalone` takes a free one by itself, on a single machine",
        ),
    )
