"""Programs made at random, linted and run: what the rules of shapes refuse, torch refuses too.

The programs are source text: layers in a Sequential, a module with a `forward`, or functions of tensors, with sizes
that mostly go together. Each seed makes one program.
"""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections import Counter
from pathlib import Path

import pytest
import torch

import torchdoctor.checks.shape
from torchdoctor.lint import lint

RULES = frozenset(path.stem.replace("_", "-") for path in Path(torchdoctor.checks.shape.__path__[0]).glob("[a-z]*.py"))
SIZES = (2, 3, 4, 6, 8, 12)
ROUNDS = 300


class Program:
    """One program being written: the source, and how the last tensor looks as long as nothing is wrong."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shape = self.first_shape()

    def first_shape(self) -> list[int]:
        rank = self.random.choice((2, 2, 3, 4, 4))
        shape = [self.random.choice(SIZES) for _ in range(rank)]
        if rank == 4:
            shape[2:] = [self.random.choice((6, 8, 12, 16))] * 2
        return shape

    def size(self, right: int) -> int:
        """The right size, or now and then another one."""
        return right if self.random.random() < 0.9 else self.random.choice(SIZES)

    def layer(self) -> str:
        """A layer for what there is now."""
        rank = len(self.shape)
        makers = [self.linear, self.plain, self.layer_norm]
        if rank == 4:
            makers = [self.conv, self.conv, self.pool, self.batch_norm, self.flatten, self.group_norm, self.plain]
        elif rank == 3:
            makers += [self.flatten, self.batch_norm, self.conv1d]
        elif rank == 2:
            makers += [self.batch_norm, self.unflatten]
        if self.random.random() < 0.04:
            makers = [self.conv, self.batch_norm, self.flatten, self.linear]  # of any rank
        return self.random.choice(makers)()

    def linear(self) -> str:
        features, out = self.size(self.shape[-1]), self.random.choice(SIZES)
        self.shape[-1] = out
        return f"nn.Linear({features}, {out})"

    def conv(self) -> str:
        while len(self.shape) < 3:
            self.shape.insert(0, 1)
        channels, out, kernel = self.size(self.shape[-3]), self.random.choice(SIZES), self.random.choice((1, 3, 5))
        padding, stride = self.random.choice((0, 0, 1)), self.random.choice((1, 1, 2))
        self.shape[-3] = out
        self.shape[-2:] = [(size + 2 * padding - kernel) // stride + 1 for size in self.shape[-2:]]
        return f"nn.Conv2d({channels}, {out}, {kernel}, stride={stride}, padding={padding})"

    def conv1d(self) -> str:
        channels, out = self.size(self.shape[-2]), self.random.choice(SIZES)
        self.shape[-2] = out
        return f"nn.Conv1d({channels}, {out}, 3, padding=1)"

    def pool(self) -> str:
        self.shape[-2:] = [size // 2 for size in self.shape[-2:]]
        return self.random.choice(("nn.MaxPool2d(2)", "nn.AvgPool2d(2)"))

    def batch_norm(self) -> str:
        rank = (
            {2: 1, 3: 1, 4: 2}.get(len(self.shape), 2) if self.random.random() < 0.93 else self.random.choice((1, 2, 3))
        )
        affine = self.random.choice(("", "", ", affine=False", ", affine=False, track_running_stats=False"))
        return f"nn.{self.random.choice(('BatchNorm', 'InstanceNorm'))}{rank}d({self.size(self.shape[1])}{affine})"

    def group_norm(self) -> str:
        channels = self.size(self.shape[1])
        return f"nn.GroupNorm({self.random.choice((1, 2, 3))}, {channels})"

    def layer_norm(self) -> str:
        size = self.size(self.shape[-1])
        if self.random.random() < 0.3:
            return f"nn.LayerNorm([{self.shape[-2]}, {size}])"
        return f"nn.LayerNorm({size})"

    def flatten(self) -> str:
        start = self.random.choice((1, 1, 1, 2))
        if start < len(self.shape):
            rest = 1
            for size in self.shape[start:]:
                rest *= max(size, 0)
            self.shape[start:] = [rest]
        return "nn.Flatten()" if start == 1 else f"nn.Flatten({start})"

    def unflatten(self) -> str:
        by = self.random.choice((1, 2, 3))
        last = self.shape.pop()
        self.shape += [by, last // by]
        return f"nn.Unflatten(-1, ({by}, {last // by}))"

    def plain(self) -> str:
        return self.random.choice(("nn.ReLU()", "nn.Dropout(0.1)", "nn.GELU()", "nn.Identity()", "nn.Softmax(dim=-1)"))

    # -- programs -----------------------------------------------------------------------------------------------------

    def sequential(self) -> str:
        given = tuple(self.shape)
        layers = ",\n    ".join(self.layer() for _ in range(self.random.randint(2, 7)))
        return f"model = nn.Sequential(\n    {layers},\n)\nmodel(torch.randn{given})\n"

    def module(self) -> str:
        """Layers as attributes, called one by one, some by functions between them."""
        given = tuple(self.shape)
        count = self.random.randint(2, 6)
        made = [f"        self.layer{at} = {self.layer()}" for at in range(count)]
        calls = []
        for at in range(count):
            call = f"self.layer{at}(x)"
            calls.append(f"        x = {self.random.choice((call, call, f'F.relu({call})', f'{call}.relu()'))}")
        lines = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()", *made]
        lines += ["", "    def forward(self, x):", *calls, "        return x", "", "model = Net()"]
        return "\n".join([*lines, f"model(torch.randn{given})", ""])

    def functions(self) -> str:
        """Tensors made, and put through functions; whatever torch refuses is the last line's or an earlier one's."""
        lines: list[str] = []
        shapes: list[list[int]] = []
        for at in range(self.random.randint(2, 3)):
            base = self.random.choice(shapes) if shapes and self.random.random() < 0.6 else self.first_shape()
            shape = list(base)
            if self.random.random() < 0.4:
                shape[self.random.randrange(len(shape))] = self.random.choice((1, *SIZES))
            shapes.append(shape)
            lines.append(f"x{at} = torch.randn{tuple(shape)}")
        for at in range(self.random.randint(1, 3)):
            lines.append(f"y{at} = {self.operation(shapes)}")
        return "\n".join(lines) + "\n"

    def operation(self, shapes: list[list[int]]) -> str:
        a, b = (self.random.randrange(len(shapes)) for _ in range(2))
        rank, elements = len(shapes[a]), 1
        for size in shapes[a]:
            elements *= size
        dim = self.random.randint(-rank - 1, rank) if self.random.random() < 0.3 else self.random.randrange(rank)
        divisor = self.random.choice((2, 3, 4, 5))
        order = self.random.sample(range(rank), rank) if self.random.random() < 0.8 else list(range(rank + 1))
        return self.random.choice((
            f"x{a} + x{b}", f"x{a} * x{b}", f"x{a} @ x{b}", f"x{a} @ x{b}.transpose(-2, -1)",
            f"torch.mm(x{a}, x{b}.t())", f"torch.bmm(x{a}, x{b}.transpose(1, 2))",
            f"torch.cat([x{a}, x{b}], dim={dim})", f"torch.stack((x{a}, x{b}))", f"x{a}.sum(dim={dim})",
            f"x{a}.softmax({dim})", f"x{a}.mean({dim}, keepdim=True)", f"x{a}.unsqueeze({dim})",
            f"x{a}.squeeze({dim})", f"x{a}.permute{tuple(order)}", f"x{a}.transpose(0, {dim})",
            f"x{a}.flatten({dim})", f"x{a}.view({divisor}, -1)", f"x{a}.reshape({divisor}, {elements // divisor})",
            f"x{a}.view(x{a}.size(0), -1)", f"x{a}.reshape({elements})", f"x{a}.repeat(2, 1)",
            f"x{a}.expand(x{b}.shape)", f"x{a}.argmax(dim={dim})", f"torch.hstack([x{a}, x{b}])",
            f"torch.vstack([x{a}, x{b}])", f"torch.max(x{a}, {dim})", f"torch.where(x{a} > 0, x{a}, x{b})",
            f"x{a}.clone().add_(x{b})", f"torch.einsum('ij,jk->ik', x{a}, x{b})", f"F.mse_loss(x{a}, x{b})",
            f"F.binary_cross_entropy_with_logits(x{a}, x{b})", f"F.linear(x{a}, x{b})",
            f"F.cross_entropy(x{a}, x{b})", f"x{a}.split(2, dim={dim})", f"F.softmax(x{a}, dim={dim})",
            f"x{a}.unflatten({dim}, ({divisor}, -1))", f"x{a}.matmul(x{b})", f"x{a}.chunk(2, {dim})",
        ))  # fmt: skip


def outcome(source: str) -> Exception | None:
    """What torch says of the program."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(compile(source, "<program>", "exec"), {})
    except Exception as error:
        return error
    return None


def examine(kind: str, rounds: int, seed: int) -> Counter[str]:
    """Lint and run so many programs; what is refused by the rules has to be refused by torch."""
    seen: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for number in range(rounds):
        torch.manual_seed(0)
        program = getattr(Program(seed + number), kind)()
        source = f"import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n{program}"
        findings = lint(source, rules=RULES)
        error = outcome(source)
        shown = "\n".join(f"{finding.at.line if finding.at else 0}: {finding.message}" for finding in findings)
        assert error is not None or not findings, f"torch took it:\n{source}\n{shown}"
        seen["raised"] += error is not None
        seen["found"] += error is not None and bool(findings)
        if error is not None and not findings:
            missed[f"{type(error).__name__}: {str(error)[:60]}"] += 1
    print(f"\n{kind}: {rounds} programs, torch refused {seen['raised']}, the rules found {seen['found']} of these")
    for text, count in missed.most_common(12):
        print(f"  missed {count}: {text}")
    return seen


@pytest.mark.parametrize(("kind", "floor"), [("sequential", 0.9), ("module", 0.9), ("functions", 0.85)])
def test_what_the_rules_refuse_torch_refuses(kind: str, floor: float) -> None:
    seen = examine(kind, ROUNDS, 0)
    assert seen["raised"] > ROUNDS / 5
    assert seen["found"] >= floor * seen["raised"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sequential", "module", "functions"])
def test_what_the_rules_refuse_torch_refuses_at_length(kind: str) -> None:
    examine(kind, 6000, 10_000)
