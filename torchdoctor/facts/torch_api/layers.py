"""Rules for modules with parameters: linear layers, convolutions, normalisation, embeddings."""

from __future__ import annotations

from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api import windows
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import GradRule, parametric, through
from torchdoctor.facts.torch_api.neural import padded_shape
from torchdoctor.facts.torch_api.rules import ShapeRule, ending, shape_of


def parametric_if(name: str, default: bool) -> GradRule:
    """A normalisation has parameters where ``name`` says so."""
    return lambda use: (parametric if use.flag(name, default) else through)(use)


@ending(lambda use: (use.size("out_features"),))
def linear(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], use.size("out_features")) if shape else None


def convolution(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.convolved(use, shape_of(use.tensor()), use.size("out_channels"), kernel, rank)

    return shape


def transposed(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.transposed(use, shape_of(use.tensor()), use.size("out_channels"), kernel, rank)

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
