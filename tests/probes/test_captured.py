"""What a record tells of ordinary failures: expressions, operands, names of modules, compiled code, graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.probes.failing import failed
from torchdoctor.faces.python import explain
from torchdoctor.probes.failure import failure_of


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(width, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.flatten(1))  # type: ignore[no-any-return]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for width in (6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def test_the_layer_its_names_and_its_input() -> None:
    net, x = Net(), torch.ones(2, 7)
    failure = failed(lambda: net(x))
    layer = failure.layer
    assert layer is not None and (layer.root, layer.name, layer.type) == ("Net", "blocks.0.layers.1", "Linear")
    assert layer.holder.endswith("test_captured.Block") and layer.attribute == "layers.1"
    assert layer.facts["in_features"] == 6 and layer.parameters == 28
    assert failure.user is not None and failure.user.function.endswith("forward")
    assert failure.called == "torch.nn.functional.linear" and failure.calls("Linear", "nothing")
    # What was written out in the call is known from the frame that it led into.
    assert failure.asked is not None and failure.asked.operands[0].code == "x.flatten(1)"
    assert failure.name_of(failure.asked.operands[0]) == "`x.flatten(1)`"
    weight = failure.tensor("weight", 1)
    assert weight is not None and weight.shape == (4, 6) and weight.requires_grad


def test_names_of_what_is_called() -> None:
    x, y = torch.ones(2, 3), torch.ones(4, 5)
    layer = nn.Conv2d(3, 4, 3)
    from torch.nn.functional import cosine_similarity

    calls: dict[str, Callable[[], Any]] = {
        "@": lambda: x @ y,
        "+": lambda: x + y,
        "torch.mm": lambda: torch.mm(x, y),
        "torch.Tensor.mm": lambda: x.mm(y),
        "torch.cat": lambda: torch.cat([x, y], 1),
        "torch.einsum": lambda: torch.einsum("ij,jk", x, y),
        "torch.nn.functional.conv2d": lambda: layer(x),
        "[]": lambda: x[7],
        "int": lambda: int(x),
    }
    for name, call in calls.items():
        failure = failed(call)
        assert any(one.name.endswith(name) for one in failure.expressions), (name, failure.expressions)
        assert failure.blame == "torch"
    assert failed(lambda: cosine_similarity(x, y)).calls("torch.nn.functional.cosine_similarity", "cosine_similarity")


def test_the_pair_of_a_product_in_every_spelling() -> None:
    x, y = torch.ones(2, 3), torch.ones(4, 5)
    for call in (lambda: x @ y, lambda: torch.mm(x, y), lambda: x.mm(y), lambda: torch.mm(input=x, mat2=y)):
        pair = failed(call).pair()
        assert pair is not None and [one.tensor.shape for one in pair if one.tensor] == [(2, 3), (4, 5)]


def test_what_is_written_out_is_worked_out() -> None:
    x, weight = torch.ones(4, 3, 8, 8), torch.ones(100, 10)
    conv = nn.Conv2d(3, 8, 3)
    for call in (
        lambda: F.relu(conv(x)).flatten(1) @ weight,
        lambda: F.dropout(x.reshape(4, -1), 0.5).mul(2)[:, :50] @ weight,
        lambda: torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1) @ weight,
    ):
        left = failed(call).tensor("left")
        assert left is not None and left.worked_out and left.rank == 2 and left.dtype == "float32"
    before = conv.weight.clone()
    failed(lambda: conv(x).flatten(1) @ weight)
    assert torch.equal(before, conv.weight) and conv.weight.grad is None


def test_batch_norm_keeps_its_statistics() -> None:
    norm, x = nn.BatchNorm2d(3), torch.randn(4, 3, 2, 2)

    def run() -> None:
        norm(x).flatten(1) @ torch.ones(5, 5)

    try:
        run()
    except RuntimeError as error:
        assert norm.running_mean is not None and norm.num_batches_tracked is not None
        mean, batches = norm.running_mean.clone(), int(norm.num_batches_tracked)
        left = failure_of(error).tensor("left")
        assert torch.equal(mean, norm.running_mean) and int(norm.num_batches_tracked) == batches
    assert left is not None and left.shape == (4, 12)


def test_a_compiled_module() -> None:
    import torch._dynamo

    block = Block(6)
    validates = torch.distributions.Distribution._validate_args  # torch.compile switches it off for good
    compiled = torch.compile(block, backend="eager")
    try:
        compiled(torch.ones(2, 7))
    except Exception as error:
        failure, found = failure_of(error), explain(error)
    else:
        raise AssertionError("it did not fail")
    finally:
        torch._dynamo.reset()
        torch.distributions.Distribution._validate_args = validates
    assert failure.compiled and failure.user is not None and failure.user.text.strip().startswith("return self.layers")
    assert found and found[0].rule == "linear-size-mismatch" and found[0].at is not None
    assert found[0].at.line == failure.user.line


def test_the_graph_after_a_write_in_place() -> None:
    def run() -> None:
        y, write = torch.ones(3, requires_grad=True).exp(), torch.Tensor.add_
        write(y, 1)
        y.sum().backward()  # type: ignore[no-untyped-call]

    (graph,) = failed(run).graph
    assert (graph.kind, graph.node, graph.saved, graph.names) == ("changed", "ExpBackward0", "result", ("y",))
    assert graph.writers == ("Add",) and (graph.expected, graph.found) == (0, 1)


def test_the_graph_that_a_loop_carries() -> None:
    def run() -> None:
        rnn, state = nn.GRU(3, 4), torch.zeros(1, 2, 4)
        for _ in range(2):
            out, state = rnn(torch.ones(5, 2, 3), state)
            out.sum().backward()

    (graph,) = failed(run).graph
    assert (graph.kind, graph.names) == ("freed", ("state",))


def test_a_loss_that_a_loop_adds_up() -> None:
    def run() -> None:
        weight, total = torch.ones(3, requires_grad=True), torch.zeros(())
        for _ in range(2):
            loss = (weight * weight).exp().sum()
            total = total + loss
            total.backward()  # type: ignore[no-untyped-call]

    (graph,) = failed(run).graph
    assert (graph.kind, graph.names, graph.roots) == ("freed", ("total",), ("total",))


def test_weights_that_a_step_moved() -> None:
    def run() -> None:
        net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        first, second = net(torch.ones(2, 3)).sum(), net(torch.ones(2, 3)).pow(2).sum()
        first.backward()
        optimizer.step()
        second.backward()

    failure = failed(run)
    (graph,) = failure.graph
    assert graph.parameter and graph.names == ("net.1.weight",)
    assert [(one.name, one.kind) for one in failure.objects][:1] == [("optimizer", "optimizer")]


def test_a_loop_and_a_block_fail_at_their_heads() -> None:
    """Bytecode gives the whole of them; the record's place is what stands before the colon."""

    def loop() -> None:
        for row in torch.tensor(3.0):
            print(row)
            print(row)

    def block() -> None:
        with torch.autograd.set_detect_anomaly(torch.zeros(3) > 0):  # type: ignore[arg-type]
            print(1)
            print(2)

    for call, head in ((loop, "for row in torch.tensor(3.0)"), (block, "")):
        user = failed(call).user
        assert user is not None
        at = user.place
        assert at.end_line == at.line, at
        if head:
            assert Path(__file__).read_text().splitlines()[at.line - 1][at.column - 1 : at.end_column - 1] == head
