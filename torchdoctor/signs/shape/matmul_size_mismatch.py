"""A product of tensors whose inner sizes, or whose batches, do not meet: `@`, `matmul`, `mm`, `bmm`, `mv`, `dot`.

Silent where the product is a linear layer's or an einsum's: they have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._products import (
    built_with,
    cures,
    cures_of_sizes,
    is_product,
    is_written,
    of_parameter,
    pair_of,
    why,
)
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of


@on_failure(
    "shapes cannot be multiplied ({a:d}x{b:d} and {c:d}x{d:d})",
    "Expected size for first two dimensions of batch2 tensor to be: [{n:d}, {m:d}] but got: [{n2:d}, {m2:d}]",
    "a and b must have same reduction dim, but got [{a:d}, {b:d}] X [{c:d}, {d:d}]",
    "size mismatch, got input ({rows:d}), mat ({rows2:d}x{m:d}), vec ({m2:d})",
    "size mismatch, got input ({rows:d}x{m:d}), vec ({m2:d})",
    "inconsistent tensor size, expected tensor [{m:d}] and src [{m2:d}] to have the",
    "1D tensors expected, but got {r:d}D and {r2:d}D tensors",
    "The size of tensor a ({n:d}) must match the size of tensor b ({n2:d}) at non-singleton dimension {:d}",
    (
        "contracted dimensions need to match, but first has size {m:d} "
        "in dim {p:d} and second has size {m2:d} in dim {q:d}"
    ),
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Both tensors stand in the expression, mostly by name; the text of a batched product hides the first."""
    if "p" in said:
        cure = (
            f"the dims that belong together: dim {said['p']} of the first is paired with dim {said['q']} of the second"
        )
        yield Diagnosis(f"`tensordot` sums over {said['m']} of the first and {said['m2']} of the second", (cure,))
        return
    if "The size of tensor" in said.text and not is_product(failure):
        return
    pair = pair_of(failure) if is_product(failure) else None
    left, right = (shape_of(pair[0]), shape_of(pair[1])) if pair is not None else (None, None)
    if pair is None or not left or not right:
        yield from _text(failure, said)
        return
    a, b = name_of(failure, pair[0], "the left side"), name_of(failure, pair[1], "the right side")
    sizes = f"{a} {_text_of(pair[0])} by {b} {_text_of(pair[1])}"
    yield Diagnosis(
        f"a product of {sizes}: {why(failure, left, right)}",
        cures=(*cures(failure, pair, left, right), *of_parameter(pair, left, right)),
        roots=(*roots(failure, None, "", *pair), *built_with(failure, pair)),
    )


def _text_of(value: ValueRecord) -> str:
    return value.tensor.size_text if value.tensor is not None else ""


def _text(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    if "b" in said and is_written(failure):
        sizes = said["a"], said["b"], said["c"], said["d"]
        yield Diagnosis(
            "a product of ({}, {}) by ({}, {}): the last size of the left, {}, meets {} on the right".format(
                *sizes, sizes[1], sizes[2]
            ),
            cures=tuple(cures_of_sizes(*sizes)),
        )
    if "b" in said or failure.expressions:
        return  # mostly a linear layer's
    if "m" in said and said["m"] != said["m2"]:
        yield Diagnosis(f"a product sums over {said['m']} elements on the left and {said['m2']} on the right")
    elif "n" in said and said["n"] != said["n2"]:
        yield Diagnosis(f"a batched product has batches of {said['n']} on the left and {said['n2']} on the right")
    elif "r" in said:
        yield Diagnosis(f"`torch.dot` takes two vectors, and got tensors of {said['r']} and {said['r2']} dimensions")
