"""What torch's normalisations refuse: other channels or sizes than they were made for."""

from __future__ import annotations

from torchdoctor.facts.refusal import Refusal, shape_text, size_text
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.refused_layers import (
    SPACE,
    causes,
    channels_of,
    first,
    in_shape,
    known,
    named,
    spatial_dims,
    wrong_rank,
)
from torchdoctor.facts.torch_api.rules import ending_of, shape_of
from torchdoctor.facts.unequal import never_equal
from torchdoctor.facts.values import Dim


def _batch_norm(ranks: tuple[int, ...]) -> Rule:
    def refused(use: Use) -> Refusal | None:
        shape, wanted = shape_of(use.tensor()), use.size("num_features")
        if shape is not None and 0 not in shape and len(shape) not in ranks:
            return wrong_rank(use.tensor(), shape, f"{' or '.join(map(str, ranks))} dims")
        if not (use.flag("affine", True) or use.flag("track_running_stats", True)):
            return None
        given = channels_of(use, ranks[0] - 2) if len(ranks) == 1 else known(use)[1]
        return _of_channels(use, given, wanted)

    return refused


def _of_channels(use: Use, given: Dim, wanted: Dim) -> Refusal | None:
    if not never_equal(given, wanted):
        return None
    says = f"normalises {size_text(wanted)} channels and gets {size_text(given)}{in_shape(use.tensor())}"
    return Refusal("norm-size-mismatch", says, causes(use.tensor()))


def _batch_norm_of_features(use: Use) -> Refusal | None:
    """BatchNorm1d of an input whose rank is not known: its features are last or last but one."""
    tensor, wanted = use.tensor(), use.size("num_features")
    ends = ending_of(tensor)
    if tensor.shape is not None or not ends or len(ends) < 2 or not use.flag("affine", True):
        return None
    return _of_channels(use, ends[-1], wanted) if never_equal(ends[-2], wanted) else None


def _instance_norm(rank: int) -> Rule:
    def refused(use: Use) -> Refusal | None:
        shape, wanted = known(use), use.size("num_features")
        if len(shape) not in (rank + 1, rank + 2):
            return wrong_rank(use.tensor(), shape, spatial_dims(rank))
        return _of_channels(use, shape[-rank - 1], wanted) if use.flag("affine", False) else None

    return refused


def _layer_norm(use: Use) -> Refusal | None:
    """The last dimensions have to be the normalised ones."""
    one = use.size("normalized_shape")
    wanted = (one,) if one is not None else use.sizes("normalized_shape")
    ends = ending_of(use.tensor())
    if not ends or 0 in ends:
        return None
    unequal = any(map(never_equal, reversed(ends), reversed(wanted)))
    if not unequal and (use.tensor().shape is None or len(ends) >= len(wanted)):
        return None
    asked = f"{size_text(wanted[0])} features" if len(wanted) == 1 else f"the last dims {shape_text(wanted)}"
    gets = size_text(ends[-1]) if len(wanted) == 1 else shape_text(ends)
    where = f", in {shape_text(ends)}" if len(wanted) == 1 and len(ends) > 1 else ""
    return Refusal("norm-size-mismatch", f"normalises {asked} and gets {gets}{where}", causes(use.tensor()))


def _group_norm(use: Use) -> Refusal | None:
    shape, wanted, groups = known(use), use.size("num_channels"), use.size("num_groups")
    if len(shape) < 2:
        return wrong_rank(use.tensor(), shape, "2 dims or more, (batch, channels, ...)")
    if isinstance(shape[1], int) and isinstance(groups, int) and groups > 0 and shape[1] % groups:
        says = f"splits channels into {groups} groups and gets {shape[1]}, in {shape_text(shape)}"
        return Refusal("norm-size-mismatch", says, causes(use.tensor()))
    return _of_channels(use, shape[1], wanted) if use.flag("affine", True) else None


def _group_norm_made(use: Use) -> Refusal | None:
    groups, channels = use.size("num_groups"), use.size("num_channels")
    if isinstance(groups, int) and isinstance(channels, int) and groups > 0 and channels % groups:
        return Refusal("norm-size-mismatch", f"splits {channels} channels into {groups} groups")
    return None


MODULES: dict[str, Rule] = {
    **named("BatchNorm1d", first(_batch_norm((2, 3)), _batch_norm_of_features)),
    **named("BatchNorm2d", _batch_norm((4,))),
    **named("BatchNorm3d", _batch_norm((5,))),
    **{f"torch.nn.InstanceNorm{n}d": _instance_norm(n) for n in SPACE},
    **named("LayerNorm RMSNorm", _layer_norm),
    **named("GroupNorm", _group_norm),
}
CONSTRUCTORS: dict[str, Rule] = {**named("GroupNorm", _group_norm_made)}
