"""Traces of a GPU, made by playing host and GPU in time: the host hands out work, the GPU does it one after the other.

No GPU has run for these. What they hold is in the form that Kineto writes, in the dialects of torch 1.8 and 2.13 and of
ROCm, so that signs and sums can be held to times that are known; names of kernels are those of real libraries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

NEW = {"op": "cpu_op", "note": "user_annotation", "runtime": "cuda_runtime", "kernel": "kernel", "copy": "gpu_memcpy"}
OLD = {"op": "Operator", "note": "Operator", "runtime": "Runtime", "kernel": "Kernel", "copy": "Memcpy"}
ROCM = {**NEW}
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
        if self.dialect is ROCM:  # the link goes by another name, the device and the stream are told by pid and tid
            name = name.replace("cuda", "hip").replace("hipLaunchKernel", "hipExtModuleLaunchKernel")
            arguments = {"External id": arguments["correlation"]} if "correlation" in arguments else {}
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
        reduce: float = 0.0, single: float = 4.0, made: float = 0.0,
    ) -> None:  # fmt: skip
        with self.during("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", "note"):
            self.host(20 + wait)
        if made:
            with self.during("aten::randn"), self.during("aten::normal_"):
                self.host(made)
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
        if not wait and not items and not made:  # the queue is full: the host is held up at its end
            self.now = max(self.now, self.free[STREAM] - 500)

    def write(self, path: Path, rank: int | None = None, world: int = 0) -> Path:
        old = self.dialect is OLD
        major, minor = ("major", "minor") if old else ("computeMajor", "computeMinor")
        device = {"id": 0, "name": self.name, major: self.major, minor: 0}
        whole: dict[str, Any] = {"schemaVersion": 1, "computeProperties" if old else "deviceProperties": [device]}
        if rank is not None:
            whole["distributedInfo"] = {"backend": "nccl", "rank": rank, "world_size": world}
        path.write_text(json.dumps({**whole, "traceEvents": self.events}), encoding="utf-8")
        return path


Late = Callable[[int, int, str], float]


def ranks(number: int, *, steps: int = 4, link: float = 900.0, late: Late | None = None) -> list[Gpu]:
    """Several ranks that bring their gradients together in two buckets: who is there first waits in the kernel.

    ``late`` gives, of a rank in a step, what a part of it ("input", "Python", "GPU") takes in addition.
    """
    every = [Gpu() for _ in range(number)]
    for step in range(steps):
        with ExitStack() as entered:
            for gpu in every:
                entered.enter_context(gpu.step())
            _together(every, link, step, late or (lambda rank, step, part: 0.0))
    return every


def _together(every: list[Gpu], link: float, step: int, late: Late) -> None:
    for rank, gpu in enumerate(every):
        with gpu.during("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", "note"):
            gpu.host(20 + late(rank, step, "input"))
        gpu.host(10 + late(rank, step, "Python"))
        for _ in range(40):
            gpu.launch("aten::addmm", GEMM, 60.0 + late(rank, step, "GPU") / 80)
    for _ in range(2):
        for rank, gpu in enumerate(every):
            with gpu.during("autograd::engine::evaluate_function: AddmmBackward0", tid=ENGINE):
                for _ in range(20):
                    gpu.launch("aten::mm", GEMM, 120.0 + late(rank, step, "GPU") / 80)
        _reduced(every, link)
    for gpu in every:
        gpu.free[STREAM] = gpu.free[LINK]
        with gpu.during("Optimizer.step#AdamW.step", "note"):
            gpu.launch("aten::_fused_adamw_", FUSED, 80.0)
        gpu.now = max(gpu.now, gpu.free[STREAM] - 500)


def _reduced(every: list[Gpu], link: float) -> None:
    starts = []
    for gpu in every:
        with gpu.during("record_param_comms"):
            gpu._start("cudaLaunchKernelExC", 6.0)
        starts.append(max(gpu.free[LINK], gpu.free[STREAM], gpu.now + 2))
    end = max(starts) + link
    for gpu, start in zip(every, starts, strict=True):
        gpu._add("kernel", REDUCE, start, end, LINK, device=0, stream=LINK, correlation=gpu._link)
        gpu.free[LINK] = end


# What is told first of a run with this flaw.
FLAWS: dict[str, dict[str, Any]] = {
    "loader-starves-step": {"wait": 9000.0},
    "sync-stalls-step": {"items": 30},
    "matmul-without-tensor-cores": {"gemm": SGEMM},
    "blocking-copies-to-gpu": {"pinned": False, "copied": 1500.0},
    "step-of-tiny-operations": {"took": 2.0, "small": 6, "single": 2.0},
    "elementwise-not-fused": {"took": 12.0, "single": 40.0},
    "allocator-calls-driver": {"malloc": 8},
    "data-made-in-step": {"made": 6000.0},
    "communication-not-overlapped": {"reduce": 4000.0},
}
