"""Programs that run out of memory on a simulated card: one verdict each, and a plan that follows from the record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.memory.card import MIB, Card
from tests.memory.cases import CASES, CONTROLS, HEAD, TRANSFORMER, Case
from tests.memory.running import explained, run, run_on
from torchdoctor.explained import unstylish_words
from torchdoctor.memory_record import in_blocks
from torchdoctor.record import Failure
from torchdoctor.record_json import plain, restored


@pytest.mark.parametrize("case", [*CASES, *CONTROLS], ids=lambda case: case.name)
def test_the_verdict(case: Case, tmp_path: Path) -> None:
    failure = run(case, tmp_path)
    (found,) = explained(failure)
    words = "\n".join((found.message, *found.evidence, *found.cures))
    assert found.rule == case.verdict, words
    for text in case.told:
        assert text in words, words
    for text in case.silent:
        assert text not in words, words
    assert not list(unstylish_words(found))
    assert found.at is not None and found.at.path.endswith("train.py")
    _account_holds(failure)
    assert restored(Failure, plain(failure)) == failure


def _account_holds(failure: Failure) -> None:
    """The parts sum to the card, within the rounding of the message."""
    memory = failure.memory
    assert memory is not None and memory.total is not None
    assert abs(sum(part.bytes for part in memory.parts) - memory.total) <= memory.total * 0.01


# -- the plan is true --------------------------------------------------------------------------------------------------

FIT = (
    HEAD
    + TRANSFORMER
    + """\
model = Model(width=64, heads=4, depth=6).to(device)
optimizer = torch.optim.AdamW(model.parameters())
for step in range(2):
    x = torch.randn({batch}, {length}, 64, device=device)
    y = torch.randint(10, ({batch},), device=device)
    loss = F.cross_entropy(model(x).mean(1), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""
)
SDPA = (
    "weights = (q @ k.transpose(-2, -1) / 8.0).softmax(-1)",
    "return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width))",
)
CHECKPOINTED = ("x = block(x)", "x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)")
SIZES = [(24, 256), (16, 384), (40, 192), (120, 96)]


def _runs(program: str, folder: Path) -> int:
    """The bytes that a program needs on an endless card."""
    card = Card(1 << 40)
    with pytest.raises(AssertionError, match="the program has enough"):
        run_on(card, program, folder)
    return card.peak


@pytest.mark.parametrize(("batch", "length"), SIZES)
def test_the_batch_that_is_told_fits(batch: int, length: int, tmp_path: Path) -> None:
    program = FIT.replace("{length}", str(length))
    failure = run_on(Card(160 * MIB), program.replace("{batch}", str(batch)), tmp_path)
    (found,) = explained(failure)
    told = next(re.search(r"a batch of (\d+) instead of (\d+)", cure) for cure in found.cures if "a batch of" in cure)
    assert told is not None and int(told[2]) == batch
    with pytest.raises(AssertionError, match="the program has enough"):
        run_on(Card(160 * MIB), program.replace("{batch}", told[1]), tmp_path)


@pytest.mark.parametrize(("batch", "length"), SIZES)
def test_what_attention_saves_is_what_was_told(batch: int, length: int, tmp_path: Path) -> None:
    """The bytes are of the graph as far as it had come; a whole step saves as much a block."""
    program = FIT.replace("{length}", str(length)).replace("{batch}", str(batch))
    failure = run_on(Card(160 * MIB), program, tmp_path)
    memory = failure.memory
    assert memory is not None
    blocks = [one for one in memory.saved if one.scores]
    each = max(one.scores for one in blocks)
    assert each == in_blocks(batch * 4 * length * length * 4), "the weights of one block, float32"
    fused = program.replace(*SDPA)
    assert _runs(program, tmp_path) - _runs(fused, tmp_path) >= 6 * each * 0.95, "it keeps two numbers a row"


def test_checkpointing_saves_what_was_told(tmp_path: Path) -> None:
    program = FIT.replace("{length}", "256").replace("{batch}", "16")
    failure = run_on(Card(160 * MIB), program, tmp_path)
    memory = failure.memory
    assert memory is not None
    whole = max(one.bytes for one in memory.saved)
    less = _runs(program, tmp_path) - _runs(program.replace(*CHECKPOINTED), tmp_path)
    assert 0.8 * 5 * whole <= less <= 1.1 * 5 * whole, "five of six blocks, less what each keeps of its input"


def test_the_parts_of_a_whole_step_are_the_model_s(tmp_path: Path) -> None:
    program = FIT.replace("{length}", "256").replace("{batch}", "12") + "torch.empty(CARD, dtype=torch.uint8)\n"
    failure = run_on(Card(400 * MIB), program, tmp_path)
    memory = failure.memory
    assert memory is not None
    parameters = memory.part("parameters")
    assert memory.part("optimizer state") == pytest.approx(2 * parameters, rel=0.1)
    assert memory.part("gradients") == 0 and memory.batch == 12
    assert memory.part("saved activations") == 0, "the backward pass has freed them"
