"""What of a run's settings bears on its speed, for the record of its trace: threads, loaders, modes that slow it."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Any

from torchdoctor.cores import usable_cores


def setup() -> dict[str, Any]:
    """Plain values, each left out where it cannot be told. Never raises."""
    torch = sys.modules.get("torch")
    found: dict[str, Any] = {}
    for name, ask in _QUESTIONS.items():
        with suppress(Exception):
            if (value := ask(torch)) is not None:
                found[name] = value
    return found


def _loaders(torch: Any) -> list[dict[str, Any]]:
    """The loaders that are being iterated over."""
    kind = torch.utils.data.dataloader._BaseDataLoaderIter
    return [
        {
            "dataset": type(one._dataset).__name__,
            "workers": one._num_workers,
            "pinned": bool(one._pin_memory),
            "persistent": bool(getattr(one, "_persistent_workers", False)),
            "batch": getattr(one._index_sampler, "batch_size", None),
        }
        for one in gc.get_objects()
        if issubclass(type(one), kind)
    ]


_QUESTIONS: dict[str, Any] = {
    "torch": lambda torch: str(torch.__version__),
    "python": lambda torch: sys.version.split()[0],
    "cores": lambda torch: usable_cores(),
    "threads": lambda torch: torch.get_num_threads(),
    "omp": lambda torch: os.environ.get("OMP_NUM_THREADS"),
    "anomaly": lambda torch: torch.is_anomaly_enabled(),
    "matmul": lambda torch: torch.get_float32_matmul_precision(),
    "benchmark": lambda torch: torch.backends.cudnn.benchmark,
    "deterministic": lambda torch: torch.are_deterministic_algorithms_enabled(),
    "loaders": _loaders,
}
