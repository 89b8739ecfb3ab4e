"""Objects that break whoever looks at them: the probe tells what can be told, and runs none of their code."""

from __future__ import annotations

import gc
import sys
import textwrap
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from tests.probes.failing import failed
from torchdoctor.probes.failure import failure_of
from torchdoctor.record import Failure, ValueRecord


def operand(failure: Failure, code: str) -> ValueRecord:
    assert failure.asked is not None
    found = {value.code: value for value in failure.asked.operands}
    assert code in found, sorted(found)
    return found[code]


class Hostile:
    """Every question is an offence."""

    touched: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        type.__getattribute__(Hostile, "touched").append(name)
        raise RuntimeError(f"{name} was touched")

    def __repr__(self) -> str:
        Hostile.touched.append("repr")
        raise RuntimeError("repr was called")

    def __eq__(self, other: object) -> bool:
        Hostile.touched.append("eq")
        raise RuntimeError("eq was called")

    def __bool__(self) -> bool:
        Hostile.touched.append("bool")
        raise RuntimeError("bool was called")

    def __len__(self) -> int:
        Hostile.touched.append("len")
        raise RuntimeError("len was called")

    def __hash__(self) -> int:
        Hostile.touched.append("hash")
        raise RuntimeError("hash was called")


class Sly(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise AssertionError("user code was run")

    def items(self) -> Any:
        raise AssertionError("user code was run")


def test_no_code_of_a_hostile_object_is_run() -> None:
    def run() -> None:
        hostile, sly, x = Hostile(), Sly(a=1), torch.ones(2)
        held = [hostile, {"key": hostile}, (hostile,), sly]
        Hostile.touched.clear()
        torch.add(x, hostile, held, sly)  # type: ignore[call-overload]

    failure = failed(run)
    # Building torch's own message may ask; what is asked after the failure is ours.
    Hostile.touched.clear()
    failure = failed(run)
    before = list(Hostile.touched)
    try:
        run()
    except TypeError as error:
        Hostile.touched.clear()
        failure = failure_of(error)
    assert Hostile.touched == [] and before is not None
    assert operand(failure, "hostile").type == "Hostile"
    assert operand(failure, "x").tensor is not None


def test_a_property_is_not_read() -> None:
    class Trap:
        @property
        def weight(self) -> Any:
            raise AssertionError("user code was run")

    trap, x = Trap(), torch.ones(2, 3)

    def run() -> None:
        try:
            x.view(7)
        except RuntimeError as error:
            raise ValueError("wrapped") from error
        print(trap.weight)

    failure = failed(run)
    assert failure.blame == "other" and failure.causes[0].blame == "torch"
    assert failure.causes[0].message.startswith("shape '[7]' is invalid")


def test_a_module_without_its_constructor() -> None:
    def init(self: Any) -> None:
        self.size = 3
        self.fc = nn.Linear(3, 3)

    failure = failed(type("Bare", (nn.Module,), {"__init__": init}))
    assert failure.message.startswith("cannot assign module before")
    assert failure.module is not None and failure.module.type == "Bare"
    assert failure.module.facts["size"] == 3


def test_an_uninitialised_parameter() -> None:
    layer = nn.LazyLinear(4)

    def run() -> None:
        torch.nn.functional.linear(torch.ones(2, 3), layer.weight)

    failure = failed(run)
    weight = operand(failure, "layer.weight").tensor
    assert weight is not None and weight.shape is None and weight.kind == "UninitializedParameter"


def test_inference_meta_and_fake_tensors() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.inference_mode():
        inferred = torch.ones(2, 3)
    meta = torch.ones(2, 3, device="meta")
    with FakeTensorMode():
        fake = torch.ones(2, 3)
    for tensor in (inferred, meta, fake):
        failure = failed(lambda tensor=tensor: tensor.view(7))  # type: ignore[misc]
        record = failure.tensor("self")
        assert record is not None and record.shape == (2, 3), failure.message
    assert failed(lambda: inferred.view(7)).tensor("self").inference  # type: ignore[union-attr]
    assert failed(lambda: meta.view(7)).tensor("self").device == "meta"  # type: ignore[union-attr]


def test_sparse_and_quantised_tensors() -> None:
    sparse = torch.eye(3).to_sparse()
    record = failed(lambda: sparse.view(7)).tensor("self")
    assert record is not None and record.layout == "sparse_coo" and record.strides is None


def test_a_subclass_keeps_its_own_methods_to_itself() -> None:
    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            calls.append(function)
            return super().__torch_function__(function, types, args, kwargs or {})  # type: ignore[no-untyped-call]

    calls: list[Any] = []
    loud = torch.ones(2, 3).as_subclass(Loud)

    def run() -> None:
        loud.view(7)

    try:
        run()
    except RuntimeError as error:
        calls.clear()
        failure = failure_of(error)
    assert calls == []
    record = failure.tensor("self")
    assert record is not None and record.kind == "Loud" and record.shape == (2, 3)


def test_frames_of_generators_lambdas_and_comprehensions() -> None:
    x = torch.ones(2, 3)

    def generator() -> Iterator[torch.Tensor]:
        for size in (6, 7):
            yield x.view(size)

    for call in (
        lambda: list(generator()),
        lambda: [x.view(size) for size in (6, 7)],
        lambda: {size: x.view(size) for size in (6, 7)},
        lambda: sorted([1, 2], key=lambda size: x.view(size + 5)),
    ):
        failure = failed(call)
        assert failure.called == "torch.Tensor.view", failure.asked
        assert failure.operand(0) is not None and failure.blame == "torch"


def test_unpacking_tells_the_right_hand_side() -> None:
    x = torch.ones(4, 2)

    def run() -> None:
        _a, _b, _c = x.chunk(2)

    failure = failed(run)
    assert failure.asked is not None and failure.asked.kind == "unpack"
    value = failure.operand("value")
    assert value is not None and value.length == 2
    assert [item.tensor.shape for item in value.items if item.tensor] == [(2, 2), (2, 2)]


def test_a_recursion_without_end() -> None:
    def descend(x: torch.Tensor) -> torch.Tensor:
        return descend(x + 1)

    failure = failed(lambda: descend(torch.ones(1)))
    assert failure.exception.type == "RecursionError" and len(failure.frames) < 100


def test_code_without_source() -> None:
    space: dict[str, Any] = {"torch": torch}
    exec(compile("def run():\n    torch.ones(2).view(7)\n", "<nowhere>", "exec"), space)
    failure = failed(space["run"])
    assert failure.user is not None and failure.user.path == "<nowhere>" and failure.user.expression is None
    assert failure.message.startswith("shape '[7]'")


def test_an_exception_that_cannot_be_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise AssertionError("user code was run")

    def run() -> None:
        raise Mute("what was said", Hostile())

    failure = failed(run)
    assert failure.exception.type == "Mute" and failure.message == "what was said" and failure.blame == "other"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_the_members_of_a_group() -> None:
    space: dict[str, Any] = {"torch": torch}
    text = """
    def run():
        found = []
        for size in (7, 8):
            try:
                torch.ones(2).view(size)
            except RuntimeError as error:
                found.append(error)
        raise ExceptionGroup("both", found)
    """
    exec(textwrap.dedent(text), space)
    failure = failed(space["run"])
    assert [cause.message[:11] for cause in failure.causes] == ["shape '[7]'", "shape '[8]'"]


def test_exceptions_that_cause_each_other_in_a_circle() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first).causes[0].message == "two"


def test_nothing_is_kept_alive() -> None:
    class Token:
        pass

    def run(token: Token, x: torch.Tensor) -> None:
        big = [x, token]
        torch.cat([big[0], torch.ones(2, 2)])  # type: ignore[list-item]

    def whole() -> tuple[list[weakref.ref[Any]], Failure]:
        token, x = Token(), torch.ones(3)
        refs: list[weakref.ref[Any]] = [weakref.ref(token), weakref.ref(x)]
        try:
            run(token, x)
        except RuntimeError as error:
            failure = failure_of(error)
        return refs, failure

    gc.disable()  # what only the collector frees is kept alive too: on a GPU it is memory
    try:
        refs, failure = whole()
        assert [ref() for ref in refs] == [None, None]
    finally:
        gc.enable()
    assert failure.called == "torch.cat"


def test_a_thousand_tensors_in_reach() -> None:
    def run() -> None:
        many = [torch.ones(64, 64) for _ in range(500)]
        named = {f"p{i}": torch.ones(64, 64) for i in range(500)}
        model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(200)))
        assert many and named
        model(torch.ones(2, 9))

    try:
        run()
    except RuntimeError as error:
        start = time.perf_counter()
        failure = failure_of(error)
        took = time.perf_counter() - start
    assert failure.layer is not None and failure.layer.name == "0" and took < 3


def test_the_random_numbers_are_as_they_were() -> None:
    x = torch.ones(4, 4)

    def run() -> None:
        (nn.functional.dropout(x, 0.5) + torch.randn(4, 4)) @ torch.ones(3, 3)

    try:
        run()
    except RuntimeError as error:
        before = torch.get_rng_state()
        failure = failure_of(error)
    assert torch.equal(before, torch.get_rng_state())
    left = failure.tensor("left")
    assert left is not None and left.shape == (4, 4) and left.worked_out


def test_what_is_large_or_depends_on_values_is_not_worked_out() -> None:
    x, large = torch.eye(3), torch.zeros(2000, 1000)
    for call in (lambda: x[x > 0] @ torch.ones(4, 4), lambda: large.t() @ torch.ones(3, 3)):
        failure = failed(call)
        assert failure.asked is not None and failure.asked.kind == "operator"
        assert failure.asked.operands[0].tensor is None
