"""What an event is, by its category and its name, in the dialects of torch 1.8 to 2.13.

Categories were renamed several times (``Operator``, ``cpu_op``; ``Runtime``, ``cuda_runtime``; ``Memcpy``,
``gpu_memcpy``), and other vendors have their own runtimes. Names are looked at once each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from torchdoctor.trace_record import Place
from torchdoctor.traces.sources import place_of, users


class Kind(IntEnum):
    OTHER = 0
    STEP = 1
    OPERATOR = 2
    PYTHON = 3
    RUNTIME = 4
    KERNEL = 5
    COPY = 6
    FILL = 7
    ANNOTATION = 8


_KINDS = {
    "operator": Kind.OPERATOR,
    "cpu_op": Kind.OPERATOR,
    "user_annotation": Kind.ANNOTATION,
    "python_function": Kind.PYTHON,
    "python": Kind.PYTHON,
    "runtime": Kind.RUNTIME,
    "driver": Kind.RUNTIME,
    "cuda_driver": Kind.RUNTIME,
    "kernel": Kind.KERNEL,
    "memcpy": Kind.COPY,
    "gpu_memcpy": Kind.COPY,
    "memset": Kind.FILL,
    "gpu_memset": Kind.FILL,
}
GPU = (Kind.KERNEL, Kind.COPY, Kind.FILL)

STEP = "ProfilerStep#"
_PHASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "input",
        re.compile(
            r"enumerate\(DataLoader\)"
            r"|.*torch[/\\]utils[/\\]data[/\\]dataloader\.py\(\d+\): (__next__|__iter__|_get_iterator)$"
        ),
    ),
    ("optimizer", re.compile(r"Optimizer\.(step|zero_grad)#|.*clip_grad\.py\(\d+\): clip_grad_(norm|value)_$")),
    (
        "backward",
        re.compile(
            r"autograd::engine::|.*torch[/\\](_tensor|autograd[/\\]__init__)\.py\(\d+\): (backward|grad)$"
            r"|torch::autograd::|\w+Backward\d*$"
        ),
    ),
    ("communication", re.compile(r"(nccl|gloo|mpi|ucc|xccl|c10d)::?\w|record_param_comms")),
)
_FORWARD = re.compile(r"nn\.Module: ")
_ACTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (act, re.compile(pattern))
    for act, pattern in (
        ("collect", r"<built-in function collect>|<built-in method collect of"),
        ("print", r"<built-in function print>|.*\blogging[/\\]__init__\.py\(\d+\): (_log|handle)$"),
        ("print", r".*torch[/\\]_tensor_str\.py\(\d+\): _str$"),
        ("deepcopy", r"(.*[/\\])?copy\.py\(\d+\): deepcopy$"),
        ("stack", r"(.*[/\\])?traceback\.py\(\d+\): (format_stack|extract_stack)$"),
        ("save", r".*torch[/\\]serialization\.py\(\d+\): save$"),
        ("load", r".*torch[/\\]serialization\.py\(\d+\): load$"),
        ("clip", r".*torch[/\\]nn[/\\]utils[/\\]clip_grad\.py\(\d+\): clip_grad_(norm|value)_$"),
        ("compile", r".*torch[/\\]_dynamo[/\\]convert_frame\.py\(\d+\): (_compile|compile_inner|_compile_inner)$"),
        ("compile", r"_compile\.(compile_inner|_compile_inner) \(dynamo_timed\)|.*compile_inner.*dynamo_timed"),
        ("workers", r".*torch[/\\]utils[/\\]data[/\\]dataloader\.py\(\d+\): _get_iterator$"),
        ("sleep", r"<built-in function sleep>"),
        ("tensor", r"<built-in method (tensor|as_tensor) of type object"),
        ("list", r"<built-in method tolist of (Tensor|Parameter)"),
        ("item", r"<built-in method (item|numpy|cpu) of (Tensor|Parameter)"),
        ("eval", r".*torch[/\\]nn[/\\]modules[/\\]module\.py\(\d+\): eval$"),
        ("empty_cache", r".*torch[/\\]cuda[/\\]memory\.py\(\d+\): empty_cache$"),
        ("forward", r"nn\.Module: "),
        ("zero_grad", r"Optimizer\.zero_grad#"),
        ("step", r"Optimizer\.step#"),
        ("single", r"enumerate\(DataLoader\)#_SingleProcessDataLoaderIter\.__next__"),
        ("multi", r"enumerate\(DataLoader\)#_MultiProcessingDataLoaderIter\.__next__"),
        ("fetch", r".*torch[/\\]utils[/\\]data[/\\]_utils[/\\]fetch\.py\(\d+\): fetch$"),
        ("collate", r".*torch[/\\]utils[/\\]data[/\\]_utils[/\\]collate\.py\(\d+\): default_collate$"),
        ("pin", r".*torch[/\\]utils[/\\]data[/\\]_utils[/\\]pin_memory\.py\(\d+\): pin_memory$"),
        ("summary", r".*torch[/\\]utils[/\\]tensorboard[/\\]writer\.py\(\d+\): add_\w+$|wandb[/\\].*: log$"),
        ("checkpoint", r".*torch[/\\]utils[/\\]checkpoint\.py\(\d+\): (recompute_fn|unpack_hook)$"),
    )
)
_ANNOTATION = re.compile(r"Optimizer\.|enumerate\(DataLoader\)|DistributedDataParallel\.|.*\(dynamo_timed\)$")
_MEMCPY = re.compile(r"(cuda|hip|cu|zeCommandListAppend)\w*Memcpy|\w*MemoryCopy")
_SYNC = re.compile(r"(cuda|hip|mtia|npu|zeCommandQueue|zeEventHost)\w*[Ss]ynchronize$|cudaMemcpy$|hipMemcpy$")
_LAUNCH = re.compile(
    r"(cuda|hip|cu)\w*(LaunchKernel|LaunchCooperativeKernel|GraphLaunch|ModuleLaunchKernel)|zeCommandListAppendLaunch"
)
_ALLOCATION = re.compile(r"(cuda|hip)(Malloc|Free|HostAlloc|FreeHost|MallocHost|MallocAsync)$|cu(Mem|Address)\w+$")
_COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")
_COLLECTIVE = re.compile(r"(gloo|mpi|ucc):\w")
_BUILT_IN = re.compile(r"<built-in (?:function|method) (\w+)(?: of .*)?>$")
_ADDRESS = re.compile(r" (object )?at 0x[0-9a-fA-F]+")


@dataclass(slots=True)
class Name:
    """What is known of all events of one name.

    ``phase`` is what it begins; ``act`` what kind of act it is. Of a Python frame, ``place`` is the function where it
    is the user's; ``torchs`` is of torch's own Python code, ``callee`` what a built-in function or a frame of other
    libraries is called. ``call`` is set of a runtime call: sync, launch, copy or allocation.
    """

    text: str
    kind: Kind
    phase: str = ""
    act: str = ""
    module: str = ""
    torchs: bool = False
    place: Place | None = None
    call: str = ""
    callee: str = ""
    collective: bool = False  # that the CPU carries out


def kind_of(category: str, name: str) -> Kind:
    if name.startswith(STEP):
        return Kind.OTHER if category.lower().startswith("gpu") else Kind.STEP
    category = category.lower()
    if (kind := _KINDS.get(category)) is not None:
        return Kind.ANNOTATION if kind is Kind.OPERATOR and _ANNOTATION.match(name) else kind
    return Kind.RUNTIME if category.endswith(("_runtime", "_driver")) else Kind.OTHER


def name_of(kind: Kind, text: str) -> Name:
    """What a name tells."""
    if kind is Kind.RUNTIME:
        return Name(text, kind, call=_call(text))
    if kind not in (Kind.OPERATOR, Kind.ANNOTATION, Kind.PYTHON):
        return Name(text, kind)
    phase = next((phase for phase, pattern in _PHASES if pattern.match(text)), "")
    act = next((act for act, pattern in _ACTS if pattern.match(text)), "")
    if act == "step":
        act = f"step {text.partition('#')[2].partition('.')[0]}"
    text = _ADDRESS.sub("", text)
    place = place_of(text) if kind is Kind.PYTHON else None
    module = text.removeprefix("nn.Module: ") if act == "forward" else ""
    if not phase and (_FORWARD.match(text)):
        phase = "forward"
    if place is not None and place.function in _COMPREHENSIONS:
        place = None  # it is a part of the function around it
    path = place.path.replace("\\", "/") if place is not None else ""
    torchs = path.startswith("torch/")
    own = place if place is not None and users(place.path) else None
    callee = "" if own is not None or torchs else f"{place.function}, {path}" if place is not None else _built_in(text)
    collective = kind is not Kind.PYTHON and bool(_COLLECTIVE.match(text))
    return Name(text, kind, phase, act, module, torchs, own, callee=callee, collective=collective)


def _built_in(text: str) -> str:
    found = _BUILT_IN.match(text)
    return found[1] if found else ""


def _call(text: str) -> str:
    for call, pattern in (("sync", _SYNC), ("copy", _MEMCPY), ("launch", _LAUNCH), ("allocation", _ALLOCATION)):
        if pattern.match(text):
            return call
    return ""
