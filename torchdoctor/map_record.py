"""The map that was flattened, and the windows that slid on the way to it: from which input would it have fitted?

They are parts of a failure's record. Sizes are those of space alone (height and width, or steps), without batch and
channels.
"""

from __future__ import annotations

from dataclasses import dataclass

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """A convolution or a pooling that got places of the sizes ``given``.

    ``up`` is a pooling's ceil_mode; ``more`` is a transposed convolution's output_padding, None of all others.
    """

    given: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    up: bool = False
    more: Sizes | None = None

    def of(self, sizes: Sizes) -> Sizes | None:
        """The sizes that come out where these go in; None where nothing does, or the numbers of dimensions differ."""
        if not len(sizes) == len(self.kernel) == len(self.stride) == len(self.padding) == len(self.dilation):
            return None
        if self.more is not None and len(self.more) != len(sizes):
            return None
        found = tuple(self._one(axis, size) for axis, size in enumerate(sizes))
        return found if min(found) > 0 else None

    def _one(self, axis: int, size: int) -> int:
        kernel, stride, padding = self.kernel[axis], self.stride[axis], self.padding[axis]
        reach = self.dilation[axis] * (kernel - 1) + 1
        if self.more is not None:
            return (size - 1) * stride - 2 * padding + reach + self.more[axis]
        room = size + 2 * padding - reach
        if stride < 1 or (room < 0 and not self.up):
            return 0
        count = -(-room // stride) + 1 if self.up else room // stride + 1
        # A window that would begin in the padding on the right is left out.
        return count - 1 if self.up and (count - 1) * stride >= size + padding else count


@dataclass(frozen=True, slots=True)
class MapRecord:
    """What a tensor was before it was flattened: (batch, channels, height, width).

    ``windows`` stand in the order of the run, the one that got the input first. They are there only where they are
    known to be all that changed the sizes: what they give for the input's sizes is the map's. ``adaptive`` says that
    an adaptive pooling made the map: its sizes are no matter of the input's.
    """

    shape: Sizes
    windows: tuple[WindowRecord, ...] = ()
    adaptive: bool = False

    @property
    def channels(self) -> int:
        return self.shape[1]

    @property
    def places(self) -> Sizes:
        return self.shape[2:]

    @property
    def input(self) -> Sizes | None:
        """The sizes of the input that led to it."""
        return self.windows[0].given if self.windows else None

    def of(self, sizes: Sizes) -> Sizes | None:
        """The sizes that the map would have for an input of these."""
        return through(self.windows, sizes)


def through(windows: tuple[WindowRecord, ...], sizes: Sizes) -> Sizes | None:
    """What comes out of windows one after another; None where one of them gives nothing."""
    found: Sizes | None = sizes
    for window in windows:
        if found is None:
            return None
        found = window.of(found)
    return found
