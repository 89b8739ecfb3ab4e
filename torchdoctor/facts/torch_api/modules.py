"""torch.nn's modules: what calling one gives, from the constructor's arguments and forward's.

Both calls' arguments are bound to the names that the functions of the table use, so that a module and its function
share their rules. Modules that hold parameters give a result that is in the graph whatever their input.
"""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.refusal import Refusal
from torchdoctor.facts.torch_api import refusals, windows
from torchdoctor.facts.torch_api.arguments import Arguments, Use
from torchdoctor.facts.torch_api.gradients import through
from torchdoctor.facts.torch_api.layers import (
    bagged,
    convolution,
    embedded,
    linear,
    of_rank,
    padding,
    parametric_if,
    transposed,
)
from torchdoctor.facts.torch_api.losses import OLD
from torchdoctor.facts.torch_api.memory import fresh, unordered
from torchdoctor.facts.torch_api.module_rows import ModuleRow, layer, module
from torchdoctor.facts.torch_api.neural import AVERAGE, slides, with_indices
from torchdoctor.facts.torch_api.recurrent import attended, lstm, lstm_cell, of_cell, recurrent, unpadded
from torchdoctor.facts.torch_api.rows import Effect, attempt, view
from torchdoctor.facts.torch_api.rules import fixed, scaled
from torchdoctor.facts.torch_api.views import flatten
from torchdoctor.facts.values import UNKNOWN, Dim, Made, Result, Tensor, Value
from torchdoctor.facts.viewing import unflattened


def _itself(use: Use) -> Value | None:
    """`Identity` gives what it is given."""
    return use.value("input")


def _unflattened(use: Use) -> Tensor | None:
    return unflattened(use.tensor(), use.number("dim"), use.sizes("unflattened_size"), use.node)


def _sequential(use: Use) -> Value | None:
    """Each module in turn; what is not known stays unknown until a module says otherwise."""
    assert use.made is not None
    modules = use.made.args
    value = use.given.get("input", UNKNOWN)
    before: cst.CSTNode | None = None
    for place, one in enumerate(modules):
        result = _step(use, one, place, value, before) if isinstance(one, Made) else None
        if result is None:
            result = Result(use.node, one, place)
        if _ending(result) != _ending(value):
            before = one.call if isinstance(one, Made) else None
        value = result
    return value if isinstance(value, Tensor) else None


def _step(use: Use, one: Made, place: int, value: Value, before: cst.CSTNode | None) -> Value | None:
    """What one module of a Sequential gives for this value, whose sizes come from the module made at ``before``."""
    assert use.made is not None
    outer = use.arguments
    if not one.name.startswith("torch.") and outer.forward is not None:
        return outer.forward(one, value)
    tell = outer.refuse

    def refuse(refusal: Refusal) -> None:
        if tell is not None:
            tell(refusal.inside(one.call, use.node, before))

    last = place == len(use.made.args) - 1
    of = None if last else Result(use.node, one, place)
    arguments = Arguments(
        use.node, (value,), {}, grad=outer.grad, refuse=refuse if tell else None, forward=outer.forward
    )
    return called(one.name, one, arguments, of)


def _ending(value: Value) -> tuple[Dim, ...] | None:
    return value.ending.value if isinstance(value, Tensor) and value.ending is not None else None


def called(name: str, made: Made, arguments: Arguments, of: Value | None = None) -> Value | None:
    """The result of calling an instance of a torch class; ``of`` tells it from others of the same node."""
    from torchdoctor.facts.torch_api.table import table

    row = table().modules.get(name)
    if row is None:
        return None
    use = row.use(made, arguments)
    use.of = of
    if refusals.ask(refusals.modules().get(name), use):
        return None
    return attempt(row.effect, use)


_NORM = "num_features eps momentum affine track_running_stats"
_RNN = "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional"
_GATED = "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size"
_CONV = "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"
_CONV_TRANSPOSED = (
    "in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode"
)
_BLOCK = "d_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias"
_OVER = (1, 2, 3)


def _function(name: str) -> Effect:
    """The effect of a function of the table."""

    def effect(use: Use) -> Value | None:
        from torchdoctor.facts.torch_api.table import table

        return table().functions[f"torch.nn.functional.{name}"].effect(use)

    return effect


def _loss(names: str, made_with: str, function: str, called_with: str = "input target") -> ModuleRow:
    return module(names, made_with, _function(function), called_with)


ROWS: tuple[ModuleRow, ...] = (
    module("Identity", "", _itself),
    module("Sequential", "", _sequential),
    layer("Linear", "in_features out_features bias", shape=linear, memory=fresh, scale=scaled("logits")),
    layer("LazyLinear", "out_features bias", shape=linear, memory=fresh, scale=scaled("logits")),
    layer("Bilinear", "in1_features in2_features out_features", shape=linear, memory=fresh, called_with="input other"),
    *(layer(f"Conv{n}d", _CONV, shape=convolution(n), scale=scaled("logits")) for n in _OVER),
    *(layer(f"LazyConv{n}d", _CONV.partition(" ")[2], shape=convolution(n), scale=scaled("logits")) for n in _OVER),
    *(layer(f"ConvTranspose{n}d", _CONV_TRANSPOSED, shape=transposed(n), scale=scaled("logits")) for n in _OVER),
    # normalisation
    layer("BatchNorm1d SyncBatchNorm", _NORM, grad=parametric_if("affine", True)),
    *(layer(f"BatchNorm{n}d", _NORM, shape=of_rank(n + 2), grad=parametric_if("affine", True)) for n in (2, 3)),
    layer(
        "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d", _NORM.partition(" ")[2], grad=parametric_if("affine", True)
    ),
    layer("InstanceNorm1d InstanceNorm2d InstanceNorm3d", _NORM, grad=parametric_if("affine", False)),
    layer(
        "LayerNorm",
        "normalized_shape eps elementwise_affine bias",
        memory=fresh,
        grad=parametric_if("elementwise_affine", True),
    ),
    layer("RMSNorm", "normalized_shape eps elementwise_affine", grad=parametric_if("elementwise_affine", True)),
    layer("GroupNorm", "num_groups num_channels eps affine", grad=parametric_if("affine", True)),
    layer("LocalResponseNorm", "size alpha beta k", grad=through),
    # activations
    *(module(name, "inplace", _function(name.lower())) for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish")),
    *(module(name, "inplace", _function(name.lower())) for name in ("Hardswish", "Hardsigmoid")),
    *(module(name, "alpha inplace", _function(name.lower())) for name in ("ELU", "CELU")),
    module("LeakyReLU", "negative_slope inplace", _function("leaky_relu")),
    module("Hardtanh", "min_val max_val inplace", _function("hardtanh")),
    module("Threshold", "threshold value inplace", _function("threshold")),
    module("GELU", "approximate", _function("gelu")),
    module("Sigmoid", "", _function("sigmoid")),
    module("Tanh", "", _function("tanh")),
    module("Softplus", "beta threshold", _function("softplus")),
    module("Softsign", "", _function("softsign")),
    module("Tanhshrink", "", _function("tanhshrink")),
    module("Softshrink", "lambd", _function("softshrink")),
    module("Hardshrink", "lambd", _function("hardshrink")),
    module("LogSigmoid", "", _function("logsigmoid")),
    module("RReLU", "lower upper inplace", _function("rrelu")),
    module("GLU", "dim", _function("glu")),
    layer("PReLU", "num_parameters init"),
    module("Softmax Softmin", "dim", _function("softmax")),
    module("LogSoftmax", "dim", _function("log_softmax")),
    module("Softmax2d", "", _function("softmax")),
    module("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout", "p inplace", _function("dropout")),
    # pooling and other sizes
    *(
        module(
            f"MaxPool{n}d",
            "kernel_size stride padding dilation return_indices ceil_mode",
            with_indices(slides(windows.pooled, n)),
        )
        for n in _OVER
    ),
    *(module(f"AvgPool{n}d", AVERAGE, _function(f"avg_pool{n}d")) for n in _OVER),
    *(module(f"AdaptiveAvgPool{n}d", "output_size", _function(f"adaptive_avg_pool{n}d")) for n in _OVER),
    *(module(f"AdaptiveMaxPool{n}d", "output_size return_indices", _function(f"adaptive_max_pool{n}d")) for n in _OVER),
    *(module(f"LPPool{n}d", "norm_type kernel_size stride ceil_mode", _function(f"lp_pool{n}d")) for n in (1, 2)),
    module("Flatten", "start_dim end_dim", flatten, start_dim=1),
    module("Unflatten", "dim unflattened_size", view("", "", _unflattened)),
    module("Upsample", "size scale_factor mode align_corners", _function("interpolate")),
    module("UpsamplingNearest2d UpsamplingBilinear2d", "size scale_factor", _function("interpolate")),
    module("PixelShuffle", "upscale_factor", _function("pixel_shuffle")),
    module("PixelUnshuffle", "downscale_factor", _function("pixel_unshuffle")),
    module("ChannelShuffle", "groups", _function("channel_shuffle")),
    module("Unfold", "kernel_size dilation padding stride", _function("unfold")),
    module("Fold", "output_size kernel_size dilation padding stride", _function("fold")),
    *(
        layer(f"{kind}Pad{n}d", "padding value", shape=padding(n), grad=through)
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for n in _OVER
    ),
    # sequences
    layer("Embedding", "num_embeddings embedding_dim padding_idx", shape=embedded, memory=fresh, dtype=fixed("float")),
    layer("EmbeddingBag", "num_embeddings embedding_dim", shape=bagged, memory=fresh, dtype=fixed("float")),
    module("RNN", _RNN, recurrent, "input hx"),
    module("GRU", _GATED, recurrent, "input hx"),
    module("LSTM", _GATED, lstm, "input hx"),
    layer("RNNCell GRUCell", "input_size hidden_size", shape=of_cell, memory=fresh, called_with="input hx"),
    module("LSTMCell", "input_size hidden_size", lstm_cell, "input hx"),
    module(
        "MultiheadAttention",
        "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first",
        attended,
        "input key value key_padding_mask need_weights attn_mask average_attn_weights is_causal",
    ),
    *(
        layer(
            name,
            made_with,
            shape=unpadded,
            memory=unordered,
            called_with="input mask src_key_padding_mask is_causal",
        )
        for name, made_with in (("TransformerEncoderLayer", _BLOCK), ("TransformerEncoder", "encoder_layer num_layers"))
    ),
    *(
        layer(
            name,
            made_with,
            memory=unordered,
            called_with="input memory tgt_mask memory_mask tgt_key_padding_mask",
        )
        for name, made_with in (("TransformerDecoderLayer", _BLOCK), ("TransformerDecoder", "decoder_layer num_layers"))
    ),
    # distances and losses
    module("CosineSimilarity", "dim eps", _function("cosine_similarity"), "input other"),
    module("PairwiseDistance", "p eps keepdim", _function("pairwise_distance"), "input other"),
    _loss("CrossEntropyLoss", "weight size_average ignore_index reduce reduction label_smoothing", "cross_entropy"),
    _loss("NLLLoss NLLLoss2d", "weight size_average ignore_index reduce reduction", "nll_loss"),
    _loss("MSELoss", OLD, "mse_loss"),
    _loss("L1Loss", OLD, "l1_loss"),
    _loss("SmoothL1Loss", f"{OLD} beta", "smooth_l1_loss"),
    _loss("HuberLoss", "reduction delta", "huber_loss"),
    _loss("BCELoss", f"weight {OLD}", "binary_cross_entropy"),
    _loss("BCEWithLogitsLoss", f"weight {OLD} pos_weight", "binary_cross_entropy_with_logits"),
    _loss("KLDivLoss", f"{OLD} log_target", "kl_div"),
    _loss("PoissonNLLLoss", "log_input full size_average eps reduce reduction", "poisson_nll_loss"),
    _loss("GaussianNLLLoss", "full eps reduction", "gaussian_nll_loss", "input target var"),
    _loss("HingeEmbeddingLoss", f"margin {OLD}", "hinge_embedding_loss"),
    _loss("SoftMarginLoss", OLD, "soft_margin_loss"),
    _loss("MultiMarginLoss", f"p margin weight {OLD}", "multi_margin_loss"),
    _loss("MultiLabelMarginLoss", OLD, "multilabel_margin_loss"),
    _loss("MultiLabelSoftMarginLoss", f"weight {OLD}", "multilabel_soft_margin_loss"),
    _loss("MarginRankingLoss", f"margin {OLD}", "margin_ranking_loss", "input input2 target"),
    _loss("CosineEmbeddingLoss", f"margin {OLD}", "cosine_embedding_loss", "input input2 target"),
    _loss("TripletMarginLoss", f"margin p eps swap {OLD}", "triplet_margin_loss", "input positive negative"),
    _loss("CTCLoss", "blank reduction zero_infinity", "ctc_loss", "input targets input_lengths target_lengths"),
)
