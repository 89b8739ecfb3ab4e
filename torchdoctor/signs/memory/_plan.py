"""What would make room, with the bytes that it frees where the record tells them, and what it costs.

Those that are enough alone come first, the cheaper ones before the dearer ones. No number is told that the record does
not bear out: "up to" says that it is a bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchdoctor.memory_record import MemoryRecord, SavedRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.signs.memory._made import Made, made
from torchdoctor.signs.memory._unmeasured import half, is_placing, of_model, without_numbers

MOST = 6
_VOCABULARY = 8000
_WORTH = 0.03  # of what is allocated: less is not worth a line


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out. ``saves`` is in bytes, None where not known; ``price`` orders them: 0 costs nothing."""

    text: str
    price: int
    saves: int | None = None
    effect: str = ""
    bound: bool = False

    def told(self, lack: int | None) -> str:
        """ "`x`: frees 3.1 GiB of the 1.2 GiB that lack; costs ..." in one line."""
        words = [self.text]
        if self.saves is not None:
            enough = "" if lack is None or self.saves >= lack else f" of the {size_text(lack)} that lack"
            words[0] += f": frees {'up to ' if self.bound else ''}{size_text(self.saves)}{enough}"
        return "; ".join([*words, *([self.effect] if self.effect else [])])


def plan(failure: Failure, memory: MemoryRecord) -> tuple[str, ...]:
    """The ways to make a step fit, the best first."""
    lack = lacking(memory)
    what = made(failure, memory)
    found = [
        *_without_graph(failure, memory),
        *_deleted(failure, memory),
        *_attention(memory, what),
        *_rows(failure, what),
        *_precision(memory),
        *_gradients(failure, memory),
        *_optimizer(failure, memory),
        *_batch(failure, memory, what),
        *_checkpointed(memory),
        *_offloaded(memory),
    ]
    known = [one for one in found if one.saves is None or one.saves >= (memory.allocated or 0) * _WORTH]
    ranked = sorted(known, key=lambda one: (not _enough(one, lack), one.price, -(one.saves or 0)))
    told = tuple(one.told(lack) for one in ranked[:MOST])
    return told or tuple(of_model(memory) if is_placing(failure) else without_numbers(failure))


def lacking(memory: MemoryRecord) -> int | None:
    """How many bytes are short: what was asked for, less what the device has free."""
    if memory.requested is None or memory.free is None:
        return None
    return max(memory.requested - memory.free, 0) or None


def _enough(one: Remedy, lack: int | None) -> bool:
    return one.saves is not None and (lack is None or one.saves >= lack)


def in_evaluation(failure: Failure, memory: MemoryRecord) -> bool:
    """Whether it fell in a forward pass of a model in eval mode, with gradients on."""
    backward = failure.calls("torch.Tensor.backward", "backward", "step")
    return memory.training is False and memory.grad_enabled is True and not backward


def _saved(memory: MemoryRecord) -> int:
    return memory.part("saved activations")


def _without_graph(failure: Failure, memory: MemoryRecord) -> Iterator[Remedy]:
    if in_evaluation(failure, memory):
        saves = _saved(memory) or None
        yield Remedy("`with torch.no_grad():` around the evaluation", 0, saves, "no backward pass can follow")


def _deleted(failure: Failure, memory: MemoryRecord) -> Iterator[Remedy]:
    """What a name of the user's still holds and the failing line does not want."""
    code = " ".join([one.code for one in failure.expressions] + [value.code for value in failure.values])
    wanted = set(re.findall(r"\w+", code))
    line = failure.user.line if failure.user is not None else 0
    for one in memory.held:
        free = (
            one.role == "other" and one.done and one.count == 1 and one.name.isidentifier() and one.name not in wanted
        )
        if free and line and one.bytes + one.graph >= (memory.allocated or 0) * 0.05:
            yield Remedy(
                f"`del {one.name}` before line {line}, where it is done with",
                1,
                one.bytes + one.graph,
                "the name is gone",
            )
            return


def _attention(memory: MemoryRecord, what: Made | None) -> Iterator[Remedy]:
    scores = sum(one.scores for one in memory.saved)
    if what is not None and what.scores:
        scores += memory.requested or what.bytes
    if scores and memory.softmax not in ("own", ""):
        yield Remedy(
            f"attention by `F.scaled_dot_product_attention` in `{memory.softmax}` (`attn_implementation='sdpa'` in "
            "transformers)",
            1,
            scores,
            "same result up to rounding; no weights to look at",
        )
    elif scores and (memory.softmax or (what is not None and what.scores)):
        yield Remedy(
            "`F.scaled_dot_product_attention(q, k, v)` in place of a softmax of `q @ k.mT` that is written out",
            1,
            scores,
            "same result up to rounding; no weights to look at",
        )


def _rows(failure: Failure, what: Made | None) -> Iterator[Remedy]:
    """A tensor that need not be there as a whole: the logits of a large vocabulary, a cache that grows by `cat`."""
    if what is None:
        return
    if failure.calls("cross_entropy", "CrossEntropyLoss", "log_softmax") and what.shape[-1:] > (_VOCABULARY,):
        yield Remedy(
            "head and loss over some rows at a time, each part under a checkpoint (or a fused linear cross-entropy): "
            "the logits are never there as a whole",
            2,
            what.bytes,
            "the head's product is made twice",
        )
    items = [one.tensor for value in failure.values for one in value.items if one.tensor is not None]
    largest = max((math.prod(one.shape or ()) for one in items), default=0)
    if failure.calls("cat", "concat") and largest * 1.25 > math.prod(what.shape):
        yield Remedy(
            "room for the longest once, filled in place: `cat` has the old and the new side by side at each turn",
            1,
            what.bytes,
            "the greatest length has to be known",
        )


def _precision(memory: MemoryRecord) -> Iterator[Remedy]:
    wide = sum(one.wide for one in memory.saved)
    # A framework's autocast is left by now and leaves no trace, but that much of what is saved is in half precision.
    if wide * 10 >= sum(one.bytes for one in memory.saved) * 7 > 0 and memory.autocast is False:
        yield Remedy(
            "`with torch.autocast('cuda', dtype=torch.bfloat16):` around the forward pass and the loss",
            2,
            wide // 2,
            "activations of half the size, and of lower precision",
            bound=True,
        )


def _gradients(failure: Failure, memory: MemoryRecord) -> Iterator[Remedy]:
    held = memory.part("gradients")
    backward = failure.calls("torch.Tensor.backward", "backward", "step", "optimizer.step")
    if held and not backward and memory.training is not False:
        yield Remedy(
            "`optimizer.zero_grad(set_to_none=True)` before the forward pass, which the gradients of the step before "
            "outlive",
            1,
            held,
            "not where gradients are accumulated",
        )


def in_foreach(failure: Failure) -> bool:
    """Whether it fell in an optimizer's step over lists of tensors, which makes whole lists of temporaries."""
    return any("_multi_tensor" in frame.function or "_foreach" in frame.text for frame in failure.frames)


def _optimizer(failure: Failure, memory: MemoryRecord) -> Iterator[Remedy]:
    optimizer = next((one for one in failure.objects if one.kind == "optimizer"), None)
    if optimizer is None:
        return
    trained, state = memory.part("gradients"), memory.part("optimizer state")
    if in_foreach(failure) and not optimizer.facts.get("fused"):
        yield Remedy(
            f"`{optimizer.type}(..., fused=True)`, or `foreach=False`",
            1,
            trained or None,
            "without lists of temporaries of the gradients' size; `foreach=False` is slower",
            bound=True,
        )
    if state and optimizer.type in ("Adam", "AdamW", "NAdam", "RAdam", "SGD", "RMSprop", "Adagrad", "Lion"):
        yield Remedy(
            f"an 8-bit optimizer, as `bitsandbytes.optim.{optimizer.type}8bit`",
            4,
            state * 3 // 4,
            "its state in a quarter of the bytes; another library, watch the loss",
        )


def _batch(failure: Failure, memory: MemoryRecord, what: Made | None) -> Iterator[Remedy]:
    batch, scaled = memory.batch, sum(one.batched for one in memory.saved) + memory.part("inputs")
    if batch is None or batch < 2 or memory.requested is None or memory.free is None:
        yield from (Remedy(text, 3) for text in half(failure))
        return
    asked = memory.requested
    asked_scales = what is not None and what.shape[:1] == (batch,)
    if not scaled and not asked_scales:
        return
    to_come = _to_come(memory.saved)
    room, per_sample = scaled + memory.free, (scaled + to_come + (asked if asked_scales else 0)) / batch
    fitting = int((room - (0 if asked_scales else asked)) / per_sample)
    fitting = min(fitting, batch - 1)
    if fitting < 1:
        return
    chosen = next(size for size in range(fitting, 0, -1) if batch % size == 0)
    saves = int(per_sample * (batch - chosen))
    told = "the passes to come may need more" if not to_come and not failure.calls("backward", "step") else ""
    effects = [f"accumulate {batch // chosen} of them to a step of the same gradient", *([told] if told else [])]
    if memory.grad_enabled is False:
        effects = [f"{batch // chosen} of them one after the other", *([told] if told else [])]
    yield Remedy(f"a batch of {chosen} instead of {batch}", 3, saves, "; ".join(effects))


def _to_come(saved: tuple[SavedRecord, ...]) -> int:
    """What the blocks that were not reached yet will save, where alike ones were."""
    more = 0
    for _, alike in alike_blocks(saved).items():
        whole = max(one.bytes for one in alike)
        more += whole * max(alike[0].repeated - len(alike), 0)
    return more


def alike_blocks(saved: tuple[SavedRecord, ...]) -> dict[tuple[str, str], list[SavedRecord]]:
    """The modules that stand several times over in one list, "layers.0" and "layers.1", together."""
    found: dict[tuple[str, str], list[SavedRecord]] = {}
    for one in saved:
        if one.repeated > 1:
            found.setdefault((one.module.rpartition(".")[0], one.type), []).append(one)
    return found


def _checkpointed(memory: MemoryRecord) -> Iterator[Remedy]:
    groups = [(sum(one.bytes for one in alike), key, alike) for key, alike in alike_blocks(memory.saved).items()]
    alone = [(one.bytes, (one.module, one.type), [one]) for one in memory.saved if one.repeated == 1 and one.count > 1]
    most = max([*groups, *alone], key=lambda one: one[0], default=None)
    if most is None or memory.grad_enabled is False:
        return
    size, (name, kind), alike = most
    of = f"each `{kind}` of `{name}`" if alike[0].repeated > 1 else f"`{name}` ({kind})"
    saves = size - (max(one.bytes for one in alike) if len(alike) > 1 else 0)
    yield Remedy(
        f"`torch.utils.checkpoint.checkpoint(..., use_reentrant=False)` over {of}",
        3,
        saves,
        "its forward pass runs twice",
        bound=True,
    )


def _offloaded(memory: MemoryRecord) -> Iterator[Remedy]:
    state = memory.part("optimizer state") + memory.part("gradients")
    if state and state >= (memory.allocated or 0) * 0.4:
        yield Remedy(
            "gradients and the optimizer's state sharded over GPUs or kept in the machine's memory (FSDP2, DeepSpeed)",
            5,
            state,
            "transfers at each step",
            bound=True,
        )
