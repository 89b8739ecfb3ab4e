"""The map that a tensor was before it was flattened, and the windows on the way to it, as the autograd graph tells.

Each node of the graph keeps the settings of what it was: the sizes before a view, the stride of a convolution. Nothing
is run: where hooks may stand behind a saved tensor, it is not touched.
"""

from __future__ import annotations

from typing import Any

from torchdoctor.map_record import MapRecord, Sizes, WindowRecord
from torchdoctor.probes.plain import class_name, loaded, static

_VIEWS = ("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward")
_POOLS = ("MaxPool2DWithIndicesBackward", "MaxPool3DWithIndicesBackward", "AvgPool2DBackward", "AvgPool3DBackward")
# What a flattened map may have gone through since: dropout, an activation, a cast.
_MOST_SINCE = 4
_MOST_NODES = 600


def flattened(tensor: Any, shape: Sizes | None) -> MapRecord | None:
    """The map that lay flat in a tensor of this shape; None where it was none, or has no graph."""
    if shape is None or not 1 <= len(shape) <= 3:
        return None
    try:
        node = loaded("torch")._C.TensorBase.grad_fn.__get__(tensor)
        for _ in range(_MOST_SINCE):
            if node is None:
                return None
            if class_name(type(node)).startswith(_VIEWS):
                before = _read(node, "_saved_self_sym_sizes")
                return _map(node, before, shape) if before else None
            node = _main(node)
    except Exception:  # a graph of somebody else's making
        return None
    return None


def _map(view: Any, before: Sizes, shape: Sizes) -> MapRecord | None:
    """Of (batch, channels, places...) that became (batch, features), or (batch, channels, all places)."""
    if len(before) < max(3, len(shape) + 1) or _count(before) != _count(shape):
        return None
    windows, adaptive = _windows(_main(view), len(before) - 2)
    return MapRecord(before, windows if _bears_out(windows, before[2:]) else (), adaptive)


def _count(sizes: Sizes) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found


def _bears_out(windows: tuple[WindowRecord, ...], places: Sizes) -> bool:
    """Whether each window gives what the next one got, and the last one the map: nothing else changed the sizes."""
    following = [*(window.given for window in windows[1:]), places]
    return all(window.of(window.given) == then for window, then in zip(windows, following, strict=False))


def _windows(node: Any, rank: int) -> tuple[tuple[WindowRecord, ...], bool]:
    """The windows below a node down to the input, in the run's order, and whether an adaptive pooling came last."""
    found: list[WindowRecord] = []
    for _ in range(_MOST_NODES):
        if node is None:
            return tuple(reversed(found)), False
        name = class_name(type(node))
        if name.startswith(("AdaptiveAvgPool", "AdaptiveMaxPool")):
            return (), not found
        if name.startswith((*_VIEWS, "Permute", "Transpose", "MeanBackward")):
            return (), False
        if name.startswith(("ConvolutionBackward", *_POOLS)):
            window = _convolution(node) if name.startswith("Conv") else _pooling(node)
            if window is None or not len(window.kernel) - 1 <= rank <= len(window.kernel):
                return (), False
            found.append(_of_rank(window, rank))
        node = _main(node)
    return (), False


def _convolution(node: Any) -> WindowRecord | None:
    given, weight = _saved(node, "input"), _saved(node, "weight")
    if given is None or weight is None:
        return None
    stride, padding, dilation = (_read(node, f"_saved_{name}") for name in ("stride", "padding", "dilation"))
    more = _read(node, "_saved_output_padding") if _plain(node, "_saved_transposed") is True else None
    return WindowRecord(given[2:], weight[2:], stride, padding, dilation, more=more)


def _pooling(node: Any) -> WindowRecord | None:
    given, kernel = _saved(node, "self"), _read(node, "_saved_kernel_size")
    if given is None or not kernel:
        return None
    stride, padding = _read(node, "_saved_stride") or kernel, _read(node, "_saved_padding")
    dilation = _read(node, "_saved_dilation") or (1,) * len(kernel)
    return WindowRecord(
        given[-len(kernel) :], kernel, stride, padding, dilation, _plain(node, "_saved_ceil_mode") is True
    )


def _of_rank(window: WindowRecord, rank: int) -> WindowRecord:
    """A pooling over steps is run as one over a map that is one place high."""
    if len(window.kernel) == rank:
        return window
    return WindowRecord(
        window.given[1:], window.kernel[1:], window.stride[1:], window.padding[1:], window.dilation[1:], window.up
    )


# -- a node -----------------------------------------------------------------------------------------------------------


def _main(node: Any) -> Any:
    """The node that made what this one worked on first; None at an input or a parameter."""
    below = [one for one, _ in static(type(node), "next_functions").__get__(node)]
    return next((one for one in below if one is not None and class_name(type(one)) != "AccumulateGrad"), None)


def _plain(node: Any, slot: str) -> Any:
    kind = type(node)
    if getattr(kind, "__module__", "") != "builtins":  # a Function of the user's own: its attributes are user code
        return None
    try:
        return static(kind, slot).__get__(node)
    except Exception:
        return None


def _read(node: Any, slot: str) -> Sizes:
    found = _plain(node, slot)
    return tuple(int(size) for size in found) if isinstance(found, tuple) else ()


def _saved(node: Any, slot: str) -> Sizes | None:
    """The sizes of a saved tensor, where no hook of anybody's stands before it."""
    raw: Any = _plain(node, f"_raw_saved_{slot}")
    if raw is None or getattr(raw, "unpack_hook", raw) is not None:
        return None
    tensor = _plain(node, f"_saved_{slot}")
    return tuple(int(size) for size in loaded("torch")._C.TensorBase.size(tensor)) if tensor is not None else None
