"""Finds operands on different devices, and inputs on the CPU for a model that was moved to a GPU.

Silent where either device is not known, where a tensor without dimensions stands on the CPU (torch takes that), and
where the default device is changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_file
from torchdoctor.facts.apart import meetings
from torchdoctor.facts.device_moves import default_is_moved
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.values import Tensor

_MOVES = frozenset({"cuda", "to", "device"})
_OPERATIONS = frozenset({
    "add", "sub", "mul", "div", "matmul", "mm", "bmm", "eq", "lt", "gt", "ne", "maximum", "minimum", "pow", "mse_loss",
    "l1_loss", "cross_entropy", "nll_loss", "MSELoss", "L1Loss", "CrossEntropyLoss", "NLLLoss", "BCEWithLogitsLoss",
    "BCELoss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "linear",
})  # fmt: skip
_WHAT = {
    "input": "a tensor on the CPU",
    "inner": "a tensor that was made on the CPU",
    "target": "the model's output and a target on the CPU",
}


@on_file(words=("cuda",))
def operands(file: File, _: File) -> Iterator[Found]:
    if default_is_moved(file):
        return
    for verdict in judged(file, _OPERATIONS, _judge, _MOVES):
        use, pair = verdict.operation, verdict.says
        assert isinstance(pair, tuple)
        gpu, cpu = pair
        if may_fail(use.file, use.node) or default_is_moved(use.file):
            continue
        yield Found(
            verdict.node,
            f"`{short(use.file, use.node)}` puts together a tensor on the GPU and one on the CPU",
            marks=reasons(verdict, (gpu.device, "on the GPU since here"), (cpu.device, "on the CPU since here")),
        )


@on_file(words=("cuda",))
def models(file: File, _: File) -> Iterator[Found]:
    if default_is_moved(file):
        return
    told = {verdict.node for verdict in judged(file, _OPERATIONS, _judge, _MOVES)}  # by `operands`
    for flow in file.flows.touching(_MOVES):
        for meeting in meetings(flow):
            event, move, device = meeting.event, meeting.move, meeting.tensor.device
            node = event.node
            if event.file is not file or node in told or may_fail(file, node) or not file.holds(move.node):
                continue
            told.add(node)
            where = "is on the GPU" if move.always else "is on the GPU where there is one"
            since = device.because if device is not None else node
            seen = since is not node and file.holds(since)
            yield Found(
                node,
                f"`{short(file, node)}` is given {_WHAT[meeting.what]}, and the model {where}",
                marks=(
                    (move.node, "the model is moved here"),
                    *(((since, "on the CPU since here"),) if seen else ()),
                ),
            )


def _judge(use: Operation) -> tuple[Tensor, Tensor] | None:
    """The operand on the GPU and the one on the CPU."""
    found: dict[str, Tensor] = {}
    for name in ("input", "other", "target", "mat2", "weight", "exponent"):
        tensor = use.tensor(name)
        if tensor is not None and tensor.device is not None and (tensor.rank or tensor.device.value == "cuda"):
            found.setdefault(tensor.device.value, tensor)
    gpu, cpu = found.get("cuda"), found.get("cpu")
    return (gpu, cpu) if gpu is not None and cpu is not None and gpu.rank != 0 else None
