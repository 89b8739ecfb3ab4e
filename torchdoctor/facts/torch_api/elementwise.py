"""Functions that work element by element."""

from __future__ import annotations

from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import GradRule, cut, of_same, through
from torchdoctor.facts.torch_api.memory import fresh_if_input_contiguous, kept_by_all, kept_or_same
from torchdoctor.facts.torch_api.rows import Row, attempt, computed, effect, row
from torchdoctor.facts.torch_api.rules import NameRule, as_float, broadcast, fixed, floating, promoted, scaled
from torchdoctor.facts.values import Known, Value


def together(
    names: str,
    parameters: str = "input other",
    *,
    grad: GradRule = through,
    dtype: NameRule | None = promoted,
    scale: NameRule | None = None,
) -> Row:
    """Several tensors, broadcast, combined to one."""
    return row(names, parameters, shape=broadcast, memory=kept_by_all, grad=grad, dtype=dtype, scale=scale)


def activation(names: str, parameters: str = "input inplace") -> Row:
    """A function that can write into its input."""
    return effect(names, parameters, _activated, "computed")


def _activated(use: Use) -> Value:
    result = computed(use)
    inplace = attempt(lambda use: use.flag("inplace"), use)
    if inplace is None:
        return result.but(layout=None, contiguous=None)
    return use.tensor().but(grad=result.grad, scale=None, models=result.models) if inplace else result


def _dropout(use: Use) -> Value:
    """Dropout gives the input itself where it has nothing to do."""
    return computed(use, memory=kept_or_same, grad=of_same)


def _turned(before: str, after: str) -> NameRule:
    """The scale ``after`` where the input's is ``before``."""

    def rule(use: Use) -> Known[str] | None:
        scale = use.tensor().scale
        return Known(after, use.node) if scale is not None and scale.value == before else None

    return rule


def _clamped(use: Use) -> Known[str] | None:
    """What is clamped to [0, 1] is in [0, 1]."""
    low, high = use.constant("min"), use.constant("max")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and 0 <= low <= high <= 1:
        return Known("unit", use.node)
    return None


def _divided(use: Use) -> Known[str] | None:
    """Division gives floats, unless it is told to round."""
    dtype = promoted(use)
    if use.has("rounding_mode") or dtype is None or dtype.value.startswith(("float", "bfloat", "complex")):
        return dtype
    return as_float(dtype)


def _where(use: Use) -> Value | None:
    """With one argument `where` gives indices, a tensor for each dimension."""
    if not use.given.keys() >= {"condition", "input", "other"}:
        return None
    return computed(use, shape=broadcast, memory=kept_by_all, dtype=promoted)


ROWS = (
    # one tensor in, one like it out
    row("abs absolute neg negative sgn sign square frac fix trunc floor ceil nan_to_num torch.special.round"),
    row("round", "input decimals"),
    row("positive", memory=kept_or_same, grad=of_same),
    row(
        "acos arccos acosh arccosh asin arcsin asinh arcsinh atan arctan atanh arctanh cos cosh deg2rad rad2deg digamma"
        " erf erfc erfinv exp2 expm1 lgamma log10 log1p log2 reciprocal rsqrt sin sinc sinh sqrt tan tanh F.tanh i0"
        " torch.special.erf torch.special.erfc torch.special.erfinv torch.special.gammaln torch.special.digamma"
        " torch.special.log1p torch.special.expm1 torch.special.exp2 torch.special.i0 torch.special.ndtr"
        " torch.special.sinc",
        dtype=floating,
    ),
    row("log", dtype=floating, scale=_turned("probabilities", "log-probabilities")),
    row("exp", dtype=floating, scale=_turned("log-probabilities", "probabilities")),
    row("sigmoid F.sigmoid torch.special.expit", dtype=floating, scale=scaled("unit")),
    row("logit torch.special.logit", "input eps", dtype=floating),
    row("angle", dtype=None),
    row("isnan isinf isfinite isposinf isneginf isreal signbit logical_not", grad=cut, dtype=fixed("bool")),
    row("bitwise_not", grad=cut),
    together("torch.complex", "input other", dtype=None),
    together("torch.polar", "input other", dtype=None),
    # activations
    activation("F.relu F.relu6 F.silu F.mish F.hardswish F.selu F.hardsigmoid"),
    activation("F.elu F.celu", "input alpha inplace"),
    activation("F.leaky_relu", "input negative_slope inplace"),
    activation("F.hardtanh", "input min_val max_val inplace"),
    activation("F.threshold", "input threshold value inplace"),
    row("relu torch.selu"),
    row("torch.celu", "input alpha"),
    row("torch.threshold", "input threshold value"),
    row("F.gelu", "input approximate"),
    row("F.softplus", "input beta threshold", dtype=floating),
    row("F.softsign F.tanhshrink"),
    row("F.softshrink F.hardshrink hardshrink", "input lambd"),
    row("prelu F.prelu", "input weight", memory=fresh_if_input_contiguous),
    row("F.logsigmoid", memory=fresh_if_input_contiguous),
    row("F.rrelu torch.rrelu", "input lower upper training inplace", memory=fresh_if_input_contiguous),
    effect(
        "F.dropout F.alpha_dropout F.feature_alpha_dropout F.dropout1d F.dropout2d F.dropout3d",
        "input p training inplace",
        _dropout,
        "computed",
    ),
    effect("torch.dropout", "input p train", _dropout, "computed"),
    # several tensors
    together("add sub subtract torch.rsub", "input other alpha"),
    together("mul multiply maximum minimum fmax fmin remainder fmod floor_divide"),
    together("div divide true_divide", "input other rounding_mode", dtype=_divided),
    together("atan2 arctan2 hypot logaddexp logaddexp2 xlogy torch.special.xlogy copysign nextafter", dtype=None),
    together("pow float_power", "input exponent", dtype=None),
    together("clamp clip", "input min max", dtype=None, scale=_clamped),
    together("clamp_min", "input min", dtype=None),
    together("clamp_max", "input max", dtype=None),
    together("lerp", "input end weight", dtype=None),
    together("addcmul addcdiv", "input tensor1 tensor2 value", dtype=None),
    together(
        "eq ne not_equal lt less le less_equal gt greater ge greater_equal logical_and logical_or logical_xor isclose",
        grad=cut,
        dtype=fixed("bool"),
    ),
    together("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift", grad=cut),
    effect("torch.where", "condition input other", _where, "computed"),
    effect(".where", "input condition other", _where, "computed"),
)
