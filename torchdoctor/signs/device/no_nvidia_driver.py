"""torch is built for CUDA and finds no driver, or one that is too old for it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Found no NVIDIA driver on your system",
    "The NVIDIA driver on your system is too old (found version {found:w})",
    "CUDA driver version is insufficient for CUDA runtime version",
    "No CUDA GPUs are available",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which of these it is stands in the text; the versions in the text and the record."""
    built = failure.environment.get("cuda")
    needs = f"torch is built for CUDA {built}" if built else "this torch is built for CUDA"
    hidden = failure.environment.get("CUDA_VISIBLE_DEVICES")
    if "No CUDA GPUs" in said.text:
        why = f", and CUDA_VISIBLE_DEVICES is {str(hidden)!r}" if hidden is not None else ""
        yield Diagnosis(
            f"the driver shows no GPU{why}",
            (
                "`CUDA_VISIBLE_DEVICES` unset, or with numbers of GPUs that exist: `nvidia-smi -L` lists them",
                "`docker run --gpus all`, or a node with a GPU",
            ),
        )
    elif "no NVIDIA driver" in said.text:
        yield Diagnosis(
            f"{needs}, and there is no NVIDIA driver",
            (
                "`docker run --gpus all ...`, in a container; a node with a GPU, on a cluster",
                "`device = 'cuda' if torch.cuda.is_available() else 'cpu'`, to run without one",
                "the NVIDIA driver, where the machine has a GPU: `nvidia-smi` shows it",
            ),
        )
    else:
        found = _version(said["found"])
        yield Diagnosis(
            f"the NVIDIA driver{f' is for CUDA {found}' if found else ' is too old'}, and {needs}, which is newer",
            (
                "a newer driver: it runs older builds of torch as well",
                f"a torch for {f'CUDA {found}' if found else 'an older CUDA'}: choose it at https://pytorch.org/get-started",
            ),
        )


def _version(found: str | None) -> str:
    """CUDA's number for a driver: 12020 is 12.2."""
    digits = (found or "").strip(").")
    return f"{int(digits) // 1000}.{int(digits) % 1000 // 10}" if digits.isdigit() and int(digits) >= 1000 else ""
