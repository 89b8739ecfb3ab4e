"""Out-of-memory messages of every dialect, in the form in which users have met them; which verdict each bears out."""

from __future__ import annotations

TAIL = (
    " If reserved but unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to "
    "avoid fragmentation.  See documentation for Memory Management  "
    "(https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


def new(
    asked: str,
    total: str,
    free: str,
    allocated: str,
    idle: str,
    *,
    between: str = "",
    pools: str = "",
    kind: str = "CUDA",
    word: str = "capacity",
    tail: str = TAIL,
) -> str:
    """A message in the form of torch 2.1 and later."""
    return (
        f"{kind} out of memory. Tried to allocate {asked}. GPU 0 has a total {word} of {total} of which {free} is "
        f"free. {between}Of the allocated memory {allocated} is allocated by PyTorch, {pools}and {idle} is reserved by "
        f"PyTorch but unallocated.{tail}"
    )


def old(asked: str, total: str, allocated: str, free: str, reserved: str) -> str:
    """A message in the form of torch 1.5 to 2.0."""
    return (
        f"CUDA out of memory. Tried to allocate {asked} (GPU 0; {total} total capacity; {allocated} already allocated; "
        f"{free} free; {reserved} reserved in total by PyTorch)"
    )


def own(size: str) -> str:
    return f"Including non-PyTorch memory, this process has {size} memory in use. "


def others(pid: int, size: str) -> str:
    return f"Process {pid} has {size} memory in use. "


ASYNC = (
    "Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated     : 7.02 GiB\n"
    "Requested               : 32.00 MiB\nDevice limit            : 8.00 GiB\nFree (according to CUDA): 0 bytes\n"
    "PyTorch limit (set by user-supplied memory fraction)\n                        : 17179869184.00 GiB"
)
MPS = (
    "MPS backend out of memory (MPS allocated: 17.36 GB, other allocations: 613.56 MB, max allowed: 18.13 GB). Tried "
    "to allocate 192.00 MB on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory "
    "allocations (may cause system failure)."
)
XPU_TAIL = " Please use `empty_cache` to release all unoccupied cached memory."
EXCEEDS, FITS_NOT, PIECES = "request-exceeds-card", "step-does-not-fit", "fragmented-memory"
OTHERS, CAP = "memory-held-by-others", "memory-cap-reached"

# text, verdict, a part of the message, a part of one of the cures
VERDICTS: dict[str, tuple[str, str, str, str]] = {
    "full": (
        new("1.50 GiB", "23.65 GiB", "512.06 MiB", "22.30 GiB", "350.11 MiB", between=own("23.12 GiB")),
        FITS_NOT, "1.5 GiB more were asked for, and 512.1 MiB of the GPU are free", "half the batch",
    ),
    "in a container its number is the host's": (
        new("256.00 MiB", "47.53 GiB", "16.88 MiB", "47.14 GiB", "57.79 MiB", between=others(3652628, "47.51 GiB")),
        FITS_NOT, "256 MiB more were asked for, and 16.9 MiB of the GPU are free", "half the batch",
    ),
    "half of the card is free": (
        new("19.68 GiB", "23.68 GiB", "11.88 GiB", "11.44 GiB", "43.59 MiB", between=own("11.79 GiB")),
        FITS_NOT, "19.7 GiB more were asked for, and 11.9 GiB", "half the batch",
    ),
    "lent by Windows": (
        new("20.00 MiB", "8.00 GiB", "0 bytes", "14.51 GiB", "15.90 MiB", word="capacty"),
        FITS_NOT, "14.5 GiB are allocated, more than the 8 GiB of the GPU", "half the batch",
    ),
    "old and full": (
        old("978.00 MiB", "15.78 GiB", "14.38 GiB", "252.75 MiB", "14.40 GiB"),
        FITS_NOT, "978 MiB more", "half the batch",
    ),
    "older, cached": (
        "CUDA out of memory. Tried to allocate 196.00 MiB (GPU 0; 5.80 GiB total capacity; 4.39 GiB already allocated; "
        "59.75 MiB free; 61.12 MiB cached)",
        FITS_NOT, "196 MiB more", "half the batch",
    ),
    "cudaMallocAsync": (ASYNC, FITS_NOT, "32 MiB more were asked for, and 0 bytes of the GPU are free", "half"),
    "MPS": (MPS, FITS_NOT, "192 MiB more were asked for, and 174.9 MiB of the memory that MPS may have", "half"),
    "the new allocator of all devices": (
        new("1.00 GiB", "15.98 GiB", "512.00 MiB", "14.20 GiB", "96.00 MiB", kind="HIP"),
        FITS_NOT, "1 GiB more", "half",
    ),
    "XPU": (
        new("2.00 GiB", "15.91 GiB", "1.20 GiB", "13.00 GiB", "200.00 MiB", kind="XPU", tail=XPU_TAIL),
        FITS_NOT, "2 GiB more", "half",
    ),
    "in pieces": (
        new("1.50 GiB", "23.65 GiB", "512.06 MiB", "16.30 GiB", "6.34 GiB", between=own("23.12 GiB")),
        PIECES, "6.34 GiB are reserved but lie in pieces", "expandable_segments:True",
    ),
    "old and in pieces": (
        old("20.00 MiB", "7.93 GiB", "6.51 GiB", "18.31 MiB", "7.56 GiB"),
        PIECES, "1.05 GiB are reserved but lie in pieces", "expandable_segments:True",
    ),
    "in the pools of CUDA graphs": (
        new(
            "10.74 GiB", "47.53 GiB", "7.86 GiB", "20.52 GiB", "18.59 GiB", between=others(471567, "39.44 GiB"),
            pools="with 12.03 GiB allocated in private pools (e.g., CUDA Graphs), ",
        ),
        PIECES, "18.6 GiB are reserved but lie in pieces", "expandable_segments:True",
    ),
    "others hold it": (
        new("1.50 GiB", "23.65 GiB", "512.06 MiB", "1.90 GiB", "150.00 MiB", between=own("2.12 GiB")),
        OTHERS, "other processes hold 21 GiB of the GPU's 23.6 GiB, this one 2.12 GiB", "nvidia-smi",
    ),
    "nothing of it is ours": (
        new("978.00 MiB", "15.98 GiB", "630.00 MiB", "0 bytes", "0 bytes", kind="HIP"),
        OTHERS, "other processes hold 15.4 GiB", "nvidia-smi",
    ),
    "others by number": (
        new(
            "2.00 GiB", "79.15 GiB", "1.10 GiB", "20.10 GiB", "300.00 MiB",
            between=others(4711, "56.00 GiB") + own("22.05 GiB"),
        ),
        OTHERS, "other processes hold 56 GiB", "end process 4711",
    ),
    "another library in the same process": (
        new("2.00 GiB", "39.39 GiB", "1.10 GiB", "6.10 GiB", "300.00 MiB", between=own("38.29 GiB")),
        OTHERS, "this process holds 31.9 GiB of the GPU outside PyTorch", "PREALLOCATE=false",
    ),
    "no start": ("CUDA error: out of memory", OTHERS, "no room left even for a start", "nvidia-smi"),
    "torch 1.0": (
        "cuda runtime error (2) : out of memory at /pytorch/aten/src/THC/generic/THCStorage.cu:58",
        OTHERS, "no room left even for a start", "nvidia-smi",
    ),
    "beyond the card": (
        new("372.53 GiB", "23.65 GiB", "512.06 MiB", "22.30 GiB", "350.11 MiB", between=own("23.12 GiB")),
        EXCEEDS, "372.5 GiB were asked for at once, and the whole GPU has 23.6 GiB", "shapes",
    ),
    "far beyond the card": (
        new("130206.04 GiB", "23.56 GiB", "16.57 GiB", "5.45 GiB", "1.17 GiB", between=own("6.97 GiB")),
        EXCEEDS, "127.2 TiB were asked for at once", "shapes",
    ),
    "beyond any": (
        "CUDA out of memory. Tried to allocate more than 1EB memory.",
        EXCEEDS, "more than any GPU has", "shapes",
    ),
    "beyond the Mac": ("Invalid buffer size: 37.25 GB", EXCEEDS, "37.2 GiB were asked for at once", "shapes"),
    "allowed": (
        new(
            "996.00 MiB", "44.43 GiB", "9.06 GiB", "17.44 GiB", "59.88 MiB",
            between=others(2102129, "17.54 GiB") + own("17.81 GiB") + "17.69 GiB allowed; ",
        ),
        CAP, "this process may have 17.7 GiB of the GPU's 44.4 GiB: 996 MiB more", "set_per_process_memory_fraction",
    ),
    "allowed, of WSL": (
        new(
            "3.98 GiB", "31.84 GiB", "16.30 GiB", "6.74 GiB", "7.02 GiB",
            between=own("17179869184.00 GiB") + "17.51 GiB allowed; ",
        ),
        CAP, "this process may have 17.5 GiB", "set_per_process_memory_fraction",
    ),
    "allowed, of ROCm": (
        new(
            "76.00 MiB", "255.69 GiB", "252.82 GiB", "1.14 GiB", "18.63 MiB", kind="HIP", between="1.20 GiB allowed; ",
            pools="with 17.00 MiB allocated in private pools (e.g., HIP Graphs), ",
        ),
        CAP, "this process may have 1.2 GiB", "set_per_process_memory_fraction",
    ),
    "allowed, and full all the same": (
        new("200.00 MiB", "191.69 GiB", "0 bytes", "9.58 GiB", "100.00 MiB", between="50.00 GiB allowed; "),
        OTHERS, "other processes hold 182 GiB", "nvidia-smi",
    ),
    "a limit that the text does not tell": (
        new("64.00 MiB", "79.15 GiB", "38.09 GiB", "39.10 GiB", "427.46 MiB", between=own("41.06 GiB"), word="capacty"),
        CAP, "64 MiB are refused while 38.1 GiB of the GPU are free", "set_per_process_memory_fraction",
    ),
    "refused before the driver was asked": (
        "CUDA out of memory. Allocation was preemptively rejected because it would exceed "
        "per_process_memory_fraction limit.",
        CAP, "beyond the share", "set_per_process_memory_fraction",
    ),
}  # fmt: skip
