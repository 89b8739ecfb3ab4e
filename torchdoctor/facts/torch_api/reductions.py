"""Functions that make one number of many, over some dimensions or all, and those that run along a dimension."""

from __future__ import annotations

from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import GradRule, cut, through
from torchdoctor.facts.torch_api.memory import (
    MemoryRule,
    fresh,
    fresh_if_input_contiguous,
    kept,
    kept_by_all,
    unordered,
)
from torchdoctor.facts.torch_api.rows import Effect, Row, attempt, computed, effect, row
from torchdoctor.facts.torch_api.rules import (
    NameRule,
    ShapeRule,
    broadcast,
    fixed,
    floating,
    promoted,
    reduced,
    reduced_shape,
    same,
    scalar,
    scaled,
    shape_of,
    summed,
)
from torchdoctor.facts.values import Dim, Fields, Value


def reduction(
    names: str, parameters: str = "input dim keepdim", *, grad: GradRule = through, dtype: NameRule | None = floating
) -> Row:
    """One value for all along ``dim``, or for the whole tensor."""
    return row(names, parameters, shape=reduced, memory=fresh, grad=grad, dtype=dtype)


def scan(names: str, parameters: str = "input dim dtype", *, dtype: NameRule | None = floating) -> Row:
    """As many values as before, each computed along ``dim``."""
    return row(names, parameters, memory=fresh, dtype=dtype)


def softmax(names: str, parameters: str, scale: str) -> Row:
    """A distribution along ``dim``."""
    return row(names, parameters, memory=fresh, dtype=floating, scale=scaled(scale))


def _pair(use: Use, shape: ShapeRule, memory: MemoryRule = fresh) -> Value:
    """Values and where they were found."""
    values = computed(use, shape=shape, memory=memory, place=0)
    indices = computed(use, shape=shape, memory=memory, grad=cut, dtype=fixed("int64"), place=1)
    return Fields((values, indices), ("values", "indices"))


def along(shape: ShapeRule, memory: MemoryRule = fresh) -> Effect:
    """Values and indices along a dimension."""
    return lambda use: _pair(use, shape, memory)


def _largest(use: Use) -> Value | None:
    """`max` and `min`: of the whole tensor, along a dimension (with indices), or of two tensors."""
    second = use.given.get("dim", use.given.get("other"))
    if second is None:
        return None if use.arguments.starred else computed(use, shape=scalar, memory=fresh)
    if attempt(lambda use: use.number("dim"), use) is not None:
        return _pair(use, _one_dim)
    if "dim" in use.given:
        use.given["other"] = use.given.pop("dim")
    if attempt(lambda use: use.tensor("other"), use) is None:
        return None
    return computed(use, shape=broadcast, memory=kept_by_all, dtype=promoted)


def _one_dim(use: Use) -> Shape | None:
    """The input's shape without ``dim``, the last one where it is not given."""
    shape = shape_of(use.tensor())
    return None if shape is None else reduced_shape(shape, (use.number("dim", -1),), use.flag("keepdim"))


def _whole_or_pair(use: Use) -> Value:
    """`median`: of the whole tensor, or along a dimension with indices."""
    if not use.has("dim"):
        return computed(use, shape=scalar, memory=fresh)
    return _pair(use, _one_dim)


def _k_along(use: Use) -> Shape | None:
    """The input's shape with k entries in ``dim``."""
    shape = shape_of(use.tensor())
    if shape is None:
        return None
    dim = dim_of(use.number("dim", -1), max(len(shape), 1))
    if dim is None:
        return None
    return (*shape[:dim], use.size("k"), *shape[dim + 1 :]) if shape else ()


def _mean_and_spread(use: Use) -> Value:
    return Fields(tuple(computed(use, shape=reduced, memory=fresh, dtype=floating, place=place) for place in (0, 1)))


def _extremes(use: Use) -> Value:
    first, second = (computed(use, shape=reduced, memory=fresh, place=place) for place in (0, 1))
    return Fields((first, second), ("min", "max"))


def _spread(use: Use) -> Shape | None:
    """`std(unbiased)` takes no dimensions."""
    return () if isinstance(attempt(lambda use: use.constant("dim"), use), bool) else reduced(use)


def _quantile(use: Use) -> Shape | None:
    """A dimension for the quantiles in front, where these are a tensor."""
    shape = reduced(use)
    if isinstance(attempt(lambda use: use.constant("q"), use), float):
        return shape
    quantiles = shape_of(use.tensor("q"))
    return (*quantiles, *shape) if quantiles is not None and shape is not None else None


def _differences(use: Use) -> Shape | None:
    """`diff`: one less along ``dim``, n times."""
    shape = shape_of(use.tensor())
    dim = dim_of(use.number("dim", -1), len(shape)) if shape else None
    if shape is None or dim is None or use.has("prepend") or use.has("append"):
        return None
    length: Dim = shape[dim]
    times = use.number("n", 1)
    return (*shape[:dim], max(length - times, 0) if isinstance(length, int) else None, *shape[dim + 1 :])


def _unpadded(use: Use) -> Shape | None:
    """A Fourier transform keeps the sizes unless it is told others."""
    return None if use.has("n") or use.has("s") else same(use)


def _rank_only(use: Use) -> Shape | None:
    rank = use.tensor().rank
    return None if rank is None else (None,) * rank


def _unique(use: Use) -> Value | None:
    """The elements once each; a tuple where more is asked for."""
    if use.flag("return_inverse") or use.flag("return_counts") or use.has("dim"):
        return None
    return computed(use, shape=lambda use: (None,), memory=fresh, grad=lambda use: None)


ROWS: tuple[Row, ...] = (
    reduction("sum nansum prod", "input dim keepdim dtype", dtype=summed),
    reduction("mean nanmean", "input dim keepdim dtype"),
    reduction("logsumexp torch.special.logsumexp amax amin", dtype=None),
    reduction("all any", grad=cut, dtype=fixed("bool")),
    reduction("argmax argmin", grad=cut, dtype=fixed("int64")),
    reduction("count_nonzero", "input dim", grad=cut, dtype=fixed("int64")),
    row("std var", "input dim unbiased keepdim", shape=_spread, memory=fresh, dtype=floating),
    reduction("norm", "input p dim keepdim dtype", dtype=None),
    reduction("torch.linalg.norm torch.linalg.vector_norm", "input ord dim keepdim", dtype=None),
    row("quantile nanquantile", "input q dim keepdim", shape=_quantile, memory=unordered),
    row("dist", "input other p", shape=scalar, memory=fresh, dtype=None),
    row("trace", shape=scalar, memory=fresh, dtype=None),
    effect("torch.std_mean torch.var_mean", "input dim unbiased keepdim", _mean_and_spread),
    effect("aminmax", "input", _extremes),
    effect("max min", "input dim keepdim", _largest),
    effect("median nanmedian", "input dim keepdim", _whole_or_pair),
    effect("mode", "input dim keepdim", along(_one_dim)),
    effect("kthvalue", "input k dim keepdim", along(_one_dim)),
    effect("cummax cummin", "input dim", along(same)),
    effect("topk", "input k dim largest sorted", along(_k_along)),
    effect("sort msort", "input dim descending", along(same, kept)),
    row("argsort", "input dim descending", grad=cut, dtype=fixed("int64")),
    scan("cumsum cumprod", dtype=summed),
    scan("logcumsumexp", "input dim"),
    softmax("softmax", "input dim dtype", "probabilities"),
    softmax("F.softmax F.softmin", "input dim _stacklevel dtype", "probabilities"),
    softmax("log_softmax", "input dim dtype", "log-probabilities"),
    softmax("F.log_softmax", "input dim _stacklevel dtype", "log-probabilities"),
    row("F.gumbel_softmax", "input tau hard eps dim", memory=unordered, dtype=None, scale=scaled("probabilities")),
    row("F.normalize", "input p dim eps out", dtype=floating),
    row("flip", "input *dims"),
    row("fliplr flipud"),
    row("roll", "input shifts dims", memory=fresh_if_input_contiguous),
    row("diff", "input n dim prepend append", shape=_differences, memory=fresh_if_input_contiguous, dtype=None),
    row("renorm", "input p dim maxnorm", memory=fresh),
    row("tril triu", "input diagonal", memory=fresh),
    row(
        "torch.fft.fft torch.fft.ifft torch.fft.fft2 torch.fft.ifft2 torch.fft.fftn",
        memory=unordered,
        dtype=None,
        shape=_unpadded,
    ),
    row("torch.fft.rfft torch.fft.irfft torch.fft.rfft2", shape=_rank_only, memory=unordered, dtype=None),
    row("torch.fft.fftshift torch.fft.ifftshift", "input dim", memory=unordered),
    row("rot90", "input k dims", shape=_rank_only, memory=unordered),
    effect("unique torch.unique_consecutive", "input sorted return_inverse return_counts dim", _unique),
    row("cov corrcoef", memory=unordered, shape=lambda use: None, dtype=None),
    row("histc", "input bins min max", shape=lambda use: (use.size("bins", 100),), memory=fresh, grad=cut),
    row("bincount", "input weights minlength", shape=lambda use: (None,), memory=fresh, grad=cut, dtype=None),
)
