"""Which contexts of a function are looked at: those that teach something, however many calls there are."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.teaching import Role, role_of

HELPERS = """
import torch
from torch import nn

def announce(name):
    return f"at {name}"

def block(width):
    return nn.Linear(width, width)

def train(model, loss):
    loss.backward()

def fit(model, name):
    train(model, model(name))

def widen(width):
    return block(2 * width)
"""


def contexts(text: str, function: str) -> int:
    """How many contexts of a function the runs of a whole file have come to."""
    file = File(text)
    file.flows.touching()
    node = next(one for one in file.nodes(cst.FunctionDef) if one.name.value == function)
    return len(file.flows.contexts(node))


def calls(call: str, times: int = 9) -> str:
    return HELPERS + "".join(f"\ndef caller_{n}(model, cfg):\n    return {call.format(n=n)}\n" for n in range(times))


def test_what_a_function_does_is_told_by_all_that_it_calls() -> None:
    file = File(HELPERS)
    roles = {one.name.value: role_of(file, one) for one in file.nodes(cst.FunctionDef)}
    assert roles == {
        "announce": Role(trains=False, makes=False),
        "block": Role(trains=False, makes=True),
        "train": Role(trains=True, makes=False),
        "fit": Role(trains=True, makes=False),
        "widen": Role(trains=False, makes=True),
    }


def test_functions_that_call_each_other_have_a_role_too() -> None:
    file = File("def a(x):\n    b(x)\n\ndef b(x):\n    a(x)\n    x.backward()\n")
    assert all(role_of(file, one).trains for one in file.nodes(cst.FunctionDef))


def test_contexts_that_differ_in_a_name_alone_are_soon_enough() -> None:
    assert contexts(calls("announce('model {n}')"), "announce") == 4


def test_every_size_of_a_layer_counts() -> None:
    assert contexts(calls("block(8 * {n})"), "block") == 10  # and that of `widen`, of whose width nothing is known
    assert contexts(calls("widen(8 * {n})"), "widen") == 9


def test_every_tensor_of_known_sizes_counts() -> None:
    assert contexts(calls("announce(torch.zeros({n} + 1, 3))"), "announce") == 9


def test_every_training_counts() -> None:
    assert contexts(calls("fit(model, 'run {n}')"), "fit") == 9
