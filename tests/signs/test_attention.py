"""Attention of another width is told in the sizes that the user gave: within, what is batch first is turned."""

from __future__ import annotations

import pytest

import torchdoctor

torch = pytest.importorskip("torch")
nn = torch.nn


class Model(nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self, inner: object) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: object) -> object:
        return self.inner(x)  # type: ignore[operator]


class Itself(nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(512, 8, batch_first=batch_first)

    def forward(self, x: object) -> object:
        return self.attention(x, x, x)[0]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", ["encoder", "layer", "attention"])
def test_the_sizes_are_the_user_s(kind: str, batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(512, 8, batch_first=batch_first)
    inner = {"encoder": lambda: nn.TransformerEncoder(layer, 2), "layer": lambda: layer}.get(kind)
    model = Model(inner()) if inner is not None else Itself(batch_first)
    with pytest.raises((AssertionError, RuntimeError)) as error:
        model(torch.ones(4, 20, 500))
    found = torchdoctor.explain(error.value)[0]
    assert found.rule == "attention-size-mismatch"
    assert found.message.endswith("takes 512 features and gets 500: `x` is (4, 20, 500)")
