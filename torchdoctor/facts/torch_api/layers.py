"""Rules for modules with parameters: linear layers, convolutions, normalisation, embeddings."""

from __future__ import annotations

from torchdoctor.facts.axes import Shape
from torchdoctor.facts.tensor import refine_rank
from torchdoctor.facts.torch_api import windows
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import GradRule, parametric, through
from torchdoctor.facts.torch_api.neural import padded_shape
from torchdoctor.facts.torch_api.rules import ShapeRule, ending, ending_of, ending_space, shape_of


def parametric_if(name: str, default: bool) -> GradRule:
    """A normalisation has parameters where ``name`` says so."""
    return lambda use: (parametric if use.flag(name, default) else through)(use)


@ending(lambda use: (use.size("out_features"),))
def linear(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], use.size("out_features")) if shape else None


def convolution(rank: int) -> ShapeRule:
    def of(use: Use, shape: Shape | None) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.convolved(use, shape, use.size("out_channels"), kernel, rank)

    @ending(lambda use: of(use, ending_space(use, rank)))
    def shape(use: Use) -> Shape | None:
        return of(use, shape_of(use.tensor()))

    return shape


def transposed(rank: int) -> ShapeRule:
    def of(use: Use, shape: Shape | None) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.transposed(use, shape, use.size("out_channels"), kernel, rank)

    @ending(lambda use: of(use, ending_space(use, rank)))
    def shape(use: Use) -> Shape | None:
        return of(use, shape_of(use.tensor()))

    return shape


def of_rank(rank: int) -> ShapeRule:
    """The input's shape, whose rank can be no other."""

    def shape(use: Use) -> Shape | None:
        ends = ending_of(use.tensor()) or ()
        return shape_of(refine_rank(use.tensor(), rank)) if len(ends) <= rank else shape_of(use.tensor())

    return shape


def padding(rank: int) -> ShapeRule:
    """`ZeroPad2d(padding)`: a number for all sides, or one for each."""
    return lambda use: padded_shape(shape_of(use.tensor()), windows.each(use, "padding", None, 2 * rank))


@ending(lambda use: (use.size("embedding_dim"),))
def embedded(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return None if shape is None else (*shape, use.size("embedding_dim"))


def bagged(use: Use) -> Shape | None:
    return None, use.size("embedding_dim")
