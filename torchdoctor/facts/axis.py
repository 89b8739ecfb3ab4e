"""How one dimension of a tensor lies in memory."""

from __future__ import annotations

from torchdoctor.facts.fixed import fixed


@fixed
class Axis:
    """How one dimension of a tensor lies in memory, beside its other dimensions.

    ``place``: its rank by stride, 0 the outermost, among the dimensions that have one; None for a dimension of size
    one (it lies anywhere) and for a repeated one. ``filled``: one step along it skips exactly what the dimension of the
    next place spans, or one element for the last place; False after a slice, a selection or a step; None where that
    cannot be told. ``repeated``: every step stays in place (stride 0, as `expand` makes).

    A view can merge neighbours (a, b) when b.place == a.place + 1 and a is filled, or when both are repeated. A tensor
    is contiguous when its places go up, all axes are filled and none is repeated.
    """

    place: int | None
    filled: bool | None = True
    repeated: bool = False

    def at(self, place: int | None) -> Axis:
        """The same dimension, of another rank."""
        return Axis(place, self.filled, self.repeated)

    def being_filled(self, filled: bool | None) -> Axis:
        """The same dimension, where its steps are known to skip so much."""
        return Axis(self.place, filled, self.repeated)
