"""How each module of the table is made and called in the tests.

A recipe takes a Draw and gives the constructor's arguments and forward's, each with keyword arguments in a dict behind
them where there are any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.facts.torch_calls import (
    RECIPES,
    blocks,
    image,
    in_order,
    keywords,
    reduction,
    setting,
    split_keywords,
)
from tests.facts.torch_tensors import Draw

Recipe = Callable[[Draw], tuple[list[Any], list[Any]]]
MODULES: dict[str, Recipe] = {}
FLOAT = torch.float32


def recipe(names: str) -> Callable[[Recipe], Recipe]:
    """Registers a recipe for these classes of torch.nn."""

    def register(function: Recipe) -> Recipe:
        MODULES.update({f"torch.nn.{name}": function for name in names.split()})
        return function

    return register


def any_tensor(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=FLOAT)]


@recipe(
    "Identity ReLU ReLU6 SELU SiLU Mish Hardswish Hardsigmoid ELU CELU LeakyReLU Hardtanh GELU Sigmoid Tanh Softplus"
    " Softsign Tanhshrink Softshrink Hardshrink LogSigmoid RReLU"
)
def plain(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [], any_tensor(draw)


@recipe("Threshold")
def threshold(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(0.1), draw.const(2.0)], any_tensor(draw)


@recipe("GLU")
def glu(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [{"dim": draw.const(-1)}], [draw.tensor((*draw.shape(0, 3), 4), dtype=FLOAT)]


@recipe("PReLU")
def prelu(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [], [draw.tensor(dtype=FLOAT, ranks=(1, 4))]


@recipe("Softmax Softmin LogSoftmax")
def softmax(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensor = draw.tensor(dtype=FLOAT)
    return [{"dim": draw.dim(tensor)}], [tensor]


@recipe("Softmax2d")
def softmax_2d(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [], [image(draw, 2)]


@recipe("Dropout AlphaDropout FeatureAlphaDropout")
def dropout(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [keywords(draw, p=(0.0, 0.3, 0.5))], [draw.tensor(dtype=FLOAT, ranks=(2, 4))]


for _rank in (1, 2, 3):
    MODULES[f"torch.nn.Dropout{_rank}d"] = lambda draw, rank=_rank: ([], [image(draw, rank)])


@recipe("Linear")
def linear(draw: Draw) -> tuple[list[Any], list[Any]]:
    made = [draw.size(3), draw.size(4), keywords(draw, bias=(True, False))]
    return made, [draw.tensor((*draw.shape(0, 3), 3), dtype=FLOAT)]


@recipe("LazyLinear")
def lazy_linear(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.size(4)], [draw.tensor((*draw.shape(0, 2), 3), dtype=FLOAT)]


@recipe("Bilinear")
def bilinear(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensors = [draw.tensor((2, size), dtype=FLOAT) for size in (3, 4)]
    return [draw.const(3), draw.const(4), draw.const(5)], tensors


def convolution(rank: int, *, lazy: bool = False) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        more = keywords(
            draw,
            stride=setting(draw, rank, 1, 2),
            padding=setting(draw, rank, 0, 1),
            dilation=setting(draw, rank, 1, 2),
            groups=(1, 2),
        )
        if draw.chance(15):
            more = {"padding": draw.const(draw.one("same", "valid"))}
        made = [draw.size(6), setting(draw, rank, 1, 2, 3), more]
        return made if lazy else [draw.size(4), *made], [image(draw, rank)]

    return arguments


def transposed(rank: int) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        more = keywords(draw, stride=setting(draw, rank, 2, 3), padding=setting(draw, rank, 0, 1))
        if "stride" in more:
            more |= keywords(draw, output_padding=(0, 1))
        return [draw.size(4), draw.size(6), setting(draw, rank, 1, 2, 3), more], [image(draw, rank)]

    return arguments


def pool(rank: int, *, maximum: bool) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        more = keywords(
            draw, stride=setting(draw, rank, 1, 2), padding=setting(draw, rank, 0, 1), ceil_mode=(True, False)
        )
        if maximum:
            more |= keywords(draw, return_indices=(True, False))
        return [setting(draw, rank, 2, 3), more], [image(draw, rank)]

    return arguments


def adaptive(rank: int) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        return [setting(draw, rank, 1, 2, 3)], [image(draw, rank)]

    return arguments


def padding(rank: int, *, value: bool) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        sides = draw.const(1) if draw.chance(50) else draw.tuple([draw.size(draw.one(1, 2)) for _ in range(2 * rank)])
        return [sides, *([draw.const(0.5)] if value else [])], [image(draw, rank)]

    return arguments


for _rank in (1, 2, 3):
    MODULES[f"torch.nn.Conv{_rank}d"] = convolution(_rank)
    MODULES[f"torch.nn.LazyConv{_rank}d"] = convolution(_rank, lazy=True)
    MODULES[f"torch.nn.ConvTranspose{_rank}d"] = transposed(_rank)
    MODULES[f"torch.nn.MaxPool{_rank}d"] = pool(_rank, maximum=True)
    MODULES[f"torch.nn.AvgPool{_rank}d"] = pool(_rank, maximum=False)
    MODULES[f"torch.nn.AdaptiveAvgPool{_rank}d"] = adaptive(_rank)
    MODULES[f"torch.nn.AdaptiveMaxPool{_rank}d"] = adaptive(_rank)
    for _kind in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
        MODULES[f"torch.nn.{_kind}Pad{_rank}d"] = padding(_rank, value=_kind == "Constant")
for _rank in (1, 2):
    MODULES[f"torch.nn.LPPool{_rank}d"] = lambda draw, rank=_rank: (
        [draw.const(2.0), draw.const(2), keywords(draw, stride=(1, 2), ceil_mode=(True, False))],
        [image(draw, rank)],
    )


def normal(rank: int, *, lazy: bool = False, flag: bool = True) -> Recipe:
    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        shape = (2, 4, *(draw.one(3, 4) for _ in range(rank)))
        if rank == 1 and flag and draw.chance(50):
            shape = shape[:2]
        more = keywords(draw, affine=(True, False), track_running_stats=(True, False))
        tensor = in_order(draw, draw.tensor(shape, dtype=FLOAT))
        return [*([] if lazy else [draw.size(4)]), more], [tensor]

    return arguments


for _rank in (1, 2, 3):
    MODULES[f"torch.nn.BatchNorm{_rank}d"] = normal(_rank)
    MODULES[f"torch.nn.LazyBatchNorm{_rank}d"] = normal(_rank, lazy=True)
    MODULES[f"torch.nn.InstanceNorm{_rank}d"] = normal(_rank, flag=False)
MODULES["torch.nn.SyncBatchNorm"] = normal(2)


@recipe("LayerNorm RMSNorm")
def layer_norm(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensor = draw.tensor((*draw.shape(0, 3), 3, 4), dtype=FLOAT)
    shape = draw.const(4) if draw.chance(50) else draw.tuple([3, 4])
    return [shape, keywords(draw, elementwise_affine=(True, False))], [tensor]


@recipe("GroupNorm")
def group_norm(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensor = draw.tensor((2, 4, *draw.shape(0, 3)), dtype=FLOAT)
    return [draw.const(2), draw.size(4), keywords(draw, affine=(True, False))], [tensor]


@recipe("LocalResponseNorm")
def local_response_norm(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(2)], [draw.tensor((2, 4, 3), dtype=FLOAT)]


@recipe("Flatten")
def flatten(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensor = draw.tensor(dtype=FLOAT, ranks=(2, 5))
    return ([] if draw.chance(60) else [draw.dim(tensor), draw.dim(tensor)]), [tensor]


@recipe("Unflatten")
def unflatten(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(1), draw.tuple([2, draw.one(2, -1)])], [draw.tensor((3, 4, *draw.shape(0, 2)), dtype=FLOAT)]


@recipe("Upsample UpsamplingNearest2d UpsamplingBilinear2d")
def upsample(draw: Draw) -> tuple[list[Any], list[Any]]:
    made = {"size": draw.const(5)} if draw.chance(50) else {"scale_factor": draw.const(draw.one(2, 1.5))}
    return [made], [in_order(draw, draw.tensor((2, 3, 4, 3), dtype=FLOAT))]


@recipe("PixelShuffle")
def pixel_shuffle(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(2)], [draw.tensor((2, 4, 3, 2), dtype=FLOAT)]


@recipe("PixelUnshuffle")
def pixel_unshuffle(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(2)], [draw.tensor((2, 3, 4, 2), dtype=FLOAT)]


@recipe("ChannelShuffle")
def channel_shuffle(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(2)], [draw.tensor((2, 4, 3, 2), dtype=FLOAT)]


@recipe("Unfold")
def unfold(draw: Draw) -> tuple[list[Any], list[Any]]:
    tensor, *settings = blocks(draw)
    return settings, [tensor]


@recipe("Fold")
def fold(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.const(4), draw.const(2), {"stride": draw.const(2)}], [draw.tensor((2, 12, 4), dtype=FLOAT)]


@recipe("Embedding")
def embedding(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.size(3), draw.size(4)], [draw.tensor(dtype=torch.int64, values="index")]


@recipe("EmbeddingBag")
def embedding_bag(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.size(3), draw.size(4)], [draw.tensor((2, 3), dtype=torch.int64, values="index")]


@recipe("RNN GRU LSTM")
def recurrent(draw: Draw) -> tuple[list[Any], list[Any]]:
    more = keywords(draw, num_layers=(1, 2), batch_first=(True, False), bidirectional=(True, False))
    shape = (draw.one(2, 1), 3, 4) if draw.chance(80) else (3, 4)
    return [draw.size(4), draw.size(5), more], [draw.tensor(shape, dtype=FLOAT)]


@recipe("LSTM")
def lstm(draw: Draw) -> tuple[list[Any], list[Any]]:
    made, called = recurrent(draw)
    made[-1] |= keywords(draw, proj_size=(2, 0))
    return made, called


@recipe("RNNCell GRUCell LSTMCell")
def cell(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [draw.size(4), draw.size(5)], [draw.tensor((*draw.one((), (2,)), 4), dtype=FLOAT)]


@recipe("MultiheadAttention")
def attention(draw: Draw) -> tuple[list[Any], list[Any]]:
    first = draw.chance(50)
    shape = (2, 3, 4) if draw.chance(80) else (3, 4)
    called = keywords(draw, need_weights=(True, False), average_attn_weights=(True, False))
    keys = shape if first or len(shape) == 2 else (5, *shape[1:])
    query, key = draw.tensor(shape, dtype=FLOAT), draw.tensor(keys, dtype=FLOAT)
    return [draw.size(4), draw.size(2), {"batch_first": draw.const(first)}], [query, key, key, called]


@recipe("TransformerEncoderLayer")
def encoder_layer(draw: Draw) -> tuple[list[Any], list[Any]]:
    more = keywords(draw, batch_first=(True, False), norm_first=(True, False))
    return [draw.const(4), draw.const(2), draw.const(8), more], [draw.tensor((2, 3, 4), dtype=FLOAT)]


@recipe("TransformerDecoderLayer")
def decoder_layer(draw: Draw) -> tuple[list[Any], list[Any]]:
    made, called = encoder_layer(draw)
    return made, [*called, draw.tensor((2, 3, 4), dtype=FLOAT)]


@recipe("CosineSimilarity")
def similarity(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [{"dim": draw.const(-1)}], [draw.tensor((2, 3), dtype=FLOAT), draw.tensor((2, 3), dtype=FLOAT)]


@recipe("PairwiseDistance")
def distance(draw: Draw) -> tuple[list[Any], list[Any]]:
    return [keywords(draw, keepdim=(True, False))], [draw.tensor((2, 3), dtype=FLOAT), draw.tensor((2, 3), dtype=FLOAT)]


def loss(function: str) -> Recipe:
    """The reduction goes to the constructor, the rest to forward."""

    def arguments(draw: Draw) -> tuple[list[Any], list[Any]]:
        called, _ = split_keywords(RECIPES[f"torch.nn.functional.{function}"](draw))
        return [reduction(draw)], called

    return arguments


LOSSES = {
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "NLLLoss2d": "nll_loss", "MSELoss": "mse_loss",
    "L1Loss": "mse_loss", "SmoothL1Loss": "smooth_l1_loss", "HuberLoss": "huber_loss", "KLDivLoss": "kl_div",
    "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy", "CTCLoss": "ctc_loss",
    "PoissonNLLLoss": "poisson_nll_loss", "GaussianNLLLoss": "gaussian_nll_loss", "SoftMarginLoss": "soft_margin_loss",
    "HingeEmbeddingLoss": "hinge_embedding_loss", "MultiMarginLoss": "multi_margin_loss",
    "MultiLabelMarginLoss": "multilabel_margin_loss", "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
    "MarginRankingLoss": "margin_ranking_loss", "CosineEmbeddingLoss": "cosine_embedding_loss",
    "TripletMarginLoss": "triplet_margin_loss",
}  # fmt: skip
MODULES.update({f"torch.nn.{name}": loss(function) for name, function in LOSSES.items()})
