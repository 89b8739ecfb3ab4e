"""Traces of a GPU, made by playing host and GPU in time: the host hands out work, the GPU does it one after the other.

No GPU has run for these. What they hold is in the form that Kineto writes, in the dialects of torch 1.8 and 2.13, so
that signs and sums can be held to times that are known; names of kernels are those of real libraries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NEW = {"op": "cpu_op", "note": "user_annotation", "runtime": "cuda_runtime", "kernel": "kernel", "copy": "gpu_memcpy"}
OLD = {"op": "Operator", "note": "Operator", "runtime": "Runtime", "kernel": "Kernel", "copy": "Memcpy"}
GEMM = "ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn"
SGEMM = "ampere_sgemm_128x64_tn"
ELEMENTWISE = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::AddFunctor<float>, at::detail::Array<char*, 3>>"
)
FUSED = "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::FusedAdamMathFunctor<float, 4>>"
REDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
HOST, ENGINE, STREAM, LINK = 100, 200, 7, 20


class Gpu:
    """Time in microseconds; ``now`` is the host's, ``free`` when each stream has done all that it was given."""

    def __init__(self, dialect: dict[str, str] = NEW, *, name: str = "NVIDIA A100-SXM4-40GB", major: int = 8) -> None:
        self.dialect, self.name, self.major = dialect, name, major
        self.now, self.free = 1000.0, {STREAM: 0.0, LINK: 0.0}
        self.events: list[dict[str, Any]] = []
        self._link = 0
        self._steps = 0
        self._tid = HOST

    def _add(self, cat: str, name: str, start: float, end: float, tid: int, **arguments: Any) -> None:
        old = self.dialect is OLD
        gpu = cat in ("kernel", "copy")
        event = {
            "ph": "X", "cat": self.dialect[cat], "name": name, "pid": 0 if gpu else 4711,
            "tid": f"stream {tid}" if gpu and old else tid, "ts": int(start) if old else round(start, 3),
            "dur": int(end) - int(start) if old else round(end - start, 3), "args": arguments,
        }  # fmt: skip
        self.events.append(event)

    @contextmanager
    def step(self) -> Iterator[None]:
        start = self.now
        yield
        self._add("note", f"ProfilerStep#{self._steps}", start, self.now, HOST)
        self._steps += 1

    @contextmanager
    def during(self, name: str, cat: str = "op", tid: int = HOST) -> Iterator[None]:
        start, before, self._tid = self.now, self._tid, tid
        self.now += 2
        yield
        self.now += 1
        self._tid = before
        self._add(cat, name, start, self.now, tid)

    def launch(self, op: str, kernel: str, took: float, *, launch: float = 5.0, stream: int = STREAM) -> None:
        """An operator that starts one kernel."""
        with self.during(op, tid=self._tid):
            self._start("cudaLaunchKernel", launch)
        self._work("kernel", kernel, took, stream)

    def _start(self, call: str, took: float) -> None:
        self._link += 1
        self._add("runtime", call, self.now, self.now + took, self._tid, correlation=self._link)
        self.now += took

    def _work(self, cat: str, name: str, took: float, stream: int, **arguments: Any) -> None:
        start = max(self.free[stream], self.now + 2)
        self.free[stream] = start + took
        self._add(cat, name, start, start + took, stream, device=0, stream=stream, correlation=self._link, **arguments)

    def copy(self, took: float, *, pinned: bool, size: int = 1 << 20) -> None:
        with self.during("aten::copy_"):
            self._start("cudaMemcpyAsync", 6.0)
            kind = "Pinned" if pinned else "Pageable"
            self._work("copy", f"Memcpy HtoD ({kind} -> Device)", took, STREAM, bytes=size)
            if not pinned:
                self._wait()

    def item(self) -> None:
        """A value is read: the host waits for all that was started."""
        with self.during("aten::item"), self.during("aten::_local_scalar_dense"):
            self._start("cudaMemcpyAsync", 5.0)
            self._work("copy", "Memcpy DtoH (Device -> Pageable)", 2.0, STREAM, bytes=4)
            self._wait()

    def _wait(self) -> None:
        end = max(self.now, self.free[STREAM]) + 2
        self._add("runtime", "cudaStreamSynchronize", self.now, end, self._tid)
        self.now = end

    def call(self, name: str, took: float) -> None:
        self._add("runtime", name, self.now, self.now + took, self._tid)
        self.now += took

    def host(self, took: float) -> None:
        self.now += took

    def training(self, steps: int = 4, **flaw: Any) -> Gpu:
        """Steps of a model of some layers, with one flaw or none; see ``FLAWS``."""
        for _ in range(steps):
            with self.step():
                self._trained(**flaw)
        return self

    def _trained(
        self, *, layers: int = 40, gemm: str = GEMM, took: float = 60.0, small: int = 0, items: int = 0,
        wait: float = 0.0, pinned: bool = True, copied: float = 100.0, malloc: int = 0,
        reduce: float = 0.0, single: float = 4.0,
    ) -> None:  # fmt: skip
        with self.during("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", "note"):
            self.host(20 + wait)
        self.copy(copied, pinned=pinned)
        for _ in range(layers):
            self.launch("aten::addmm", gemm, took)
            self.launch("aten::relu", ELEMENTWISE, single)
            for _ in range(small):
                self.launch("aten::mul", ELEMENTWISE, 3.0)
        for _ in range(malloc):
            self.call("cudaMalloc", 300.0)
        with self.during("autograd::engine::evaluate_function: AddmmBackward0", tid=ENGINE):
            for _ in range(layers):
                self.launch("aten::mm", gemm, took * 2)
                self.launch("aten::threshold_backward", ELEMENTWISE, single)
        if reduce:
            self.free[LINK] = max(self.free.values())
            self.launch("record_param_comms", REDUCE, reduce, stream=LINK)
            self.free[STREAM] = self.free[LINK]
        for _ in range(items):
            self.item()
            self.launch("aten::add", ELEMENTWISE, 3.0)
            self.host(60)
        with self.during("Optimizer.step#AdamW.step", "note"):
            self.launch("aten::_fused_adamw_", FUSED, 80.0)
        self.host(30)
        if not wait and not items:  # the queue is full: the host is held up at its end
            self.now = max(self.now, self.free[STREAM] - 500)

    def write(self, path: Path) -> Path:
        device = {"id": 0, "name": self.name, "computeMajor": self.major, "computeMinor": 0}
        whole: dict[str, Any] = {"schemaVersion": 1, "deviceProperties": [device], "traceEvents": self.events}
        path.write_text(json.dumps(whole), encoding="utf-8")
        return path


# What is told first of a run with this flaw.
FLAWS: dict[str, dict[str, Any]] = {
    "loader-starves-step": {"wait": 9000.0},
    "sync-stalls-step": {"items": 30},
    "matmul-without-tensor-cores": {"gemm": SGEMM},
    "blocking-copies-to-gpu": {"pinned": False, "copied": 1500.0},
    "step-of-tiny-operations": {"took": 2.0, "small": 6, "single": 2.0},
    "elementwise-not-fused": {"took": 12.0, "single": 40.0},
    "allocator-calls-driver": {"malloc": 8},
    "communication-not-overlapped": {"reduce": 4000.0},
}
