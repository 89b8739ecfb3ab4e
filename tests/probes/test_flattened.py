"""The map that was flattened: its windows do what torch does, and the input that is asked for really fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tests.probes.failing import failed  # noqa: E402
from torchdoctor.diagnose import diagnose  # noqa: E402
from torchdoctor.map_record import MapRecord  # noqa: E402
from torchdoctor.probes.flattened import flattened  # noqa: E402
from torchdoctor.record import Failure  # noqa: E402
from torchdoctor.record_json import plain, restored  # noqa: E402
from torchdoctor.signs.shape._maps import fitting  # noqa: E402

nn: Any = torch.nn
F: Any = nn.functional

small = st.integers(1, 3)
convolution = st.builds(
    lambda kernel, stride, padding, dilation: ("conv", kernel, stride, padding, dilation),
    st.integers(1, 4),
    small,
    st.integers(0, 2),
    st.integers(1, 2),
)
pooling = st.builds(lambda kernel, stride, up: ("pool", kernel, stride, up), st.integers(2, 3), small, st.booleans())
average = st.builds(lambda kernel, up: ("average", kernel, up), st.integers(2, 3), st.booleans())
spreading = st.builds(lambda kernel, stride: ("spread", kernel, stride), st.integers(2, 4), st.integers(1, 2))


def layer(dims: int, kind: str, kernel: int, *rest: Any) -> Any:
    if kind == "conv":
        return getattr(nn, f"Conv{dims}d")(4, 4, kernel, *rest)
    if kind == "pool":
        return getattr(nn, f"MaxPool{dims}d")(kernel, rest[0], ceil_mode=rest[1])
    if kind == "average":
        return getattr(nn, f"AvgPool{dims}d")(kernel, ceil_mode=rest[0])
    return getattr(nn, f"ConvTranspose{dims}d")(4, 4, kernel, *rest)


def map_in(tensor: Any) -> MapRecord | None:
    return flattened(tensor, tuple(tensor.shape))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 2),
    st.lists(st.one_of(convolution, pooling, average, spreading), min_size=1, max_size=4),
    st.integers(8, 24),
    st.integers(8, 24),
)
def test_windows_do_what_torch_does(dims: int, kinds: list[Any], size: int, other: int) -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1) if dims == 2 else nn.Conv1d(3, 4, 1), nn.ReLU(), *(layer(dims, *kind) for kind in kinds)
    )
    try:
        y = net(torch.rand(2, 3, *(size, other)[:dims]))
        wider = net(torch.rand(1, 3, *(size + 5, other + 3)[:dims])).shape
    except RuntimeError:  # a window larger than what it slides over
        return
    found = map_in(nn.Dropout()(y.flatten(1).relu()))
    assert found is not None and found.shape == tuple(y.shape)
    assert len(found.windows) == len(kinds) + 1
    assert found.input == (size, other)[:dims]
    assert found.of((size + 5, other + 3)[:dims]) == tuple(wider[2:])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(convolution, pooling), min_size=1, max_size=3), st.integers(8, 40), st.integers(8, 40))
def test_the_input_that_fits_fits(kinds: list[Any], made_for: int, given_: int) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), *(layer(2, *kind) for kind in kinds), nn.Flatten())
    try:
        takes = net(torch.rand(1, 1, made_for, made_for)).shape[1]
        y = net(torch.rand(1, 1, given_, given_))
    except RuntimeError:
        return
    found = map_in(y)
    assert found is not None
    fits = fitting(found, takes)
    assert fits is not None and net(torch.rand(1, 1, *fits)).shape[1] == takes


def test_of_several_sizes_that_fit_the_round_one() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(8), nn.Flatten())
    found = map_in(net(torch.rand(2, 3, 24, 24)))
    assert found is not None and fitting(found, 8 * 4 * 4) == (32, 32)
    assert fitting(found, 8 * 4 * 4 + 1) is None
    wide = map_in(net(torch.rand(2, 3, 24, 48)))
    assert wide is not None and fitting(wide, 8 * 4 * 8) == (32, 64)


def test_what_else_changes_the_sizes_is_not_taken_for_windows() -> None:
    x = torch.rand(2, 4, 16, 16)
    conv = nn.Conv2d(4, 4, 3, padding=1)
    for y in (conv(x)[:, :, 2:-2], F.interpolate(conv(x), scale_factor=2), F.pad(conv(x), (1, 1, 1, 1))):
        found = map_in(y.flatten(1))
        assert found is not None and found.shape == tuple(y.shape) and not found.windows
    turned = map_in(conv(x).permute(0, 2, 3, 1).flatten(1))
    assert turned is not None and not turned.windows
    pooled = map_in(nn.AdaptiveAvgPool2d(3)(conv(x)).flatten(1))
    assert pooled is not None and pooled.adaptive and not pooled.windows
    assert map_in(conv(x).mean((2, 3))) is None and map_in(torch.rand(2, 3)) is None


def test_hooks_on_saved_tensors_are_not_run() -> None:
    ran: list[int] = []

    def unpack(tensor: Any) -> Any:
        ran.append(1)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        y = nn.Conv2d(1, 2, 3)(torch.rand(1, 1, 8, 8)).flatten(1)
    found = map_in(y)
    assert found is not None and found.shape == (1, 2, 6, 6) and not found.windows and not ran


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(16 * 6 * 6, 10)

    def forward(self, x: Any) -> Any:
        x = self.pool(self.first(x))
        x = self.second(x)
        x = self.pool(x).flatten(1)
        return self.fc(x)


@pytest.mark.parametrize("grad", [True, False])
def test_with_a_graph_and_by_the_layers_alone(grad: bool) -> None:
    def run() -> None:
        with torch.set_grad_enabled(grad):
            Net()(torch.rand(2, 3, 40, 40))

    failure = failed(run)
    assert [layer.name for layer in failure.layers] == ["first", "second", "pool", "fc"]
    assert any(value.tensor.flattened for value in failure.tensors if value.tensor) == grad
    failure = restored(Failure, plain(failure))
    told = diagnose(failure)[0]
    assert any("16 * 8 * 8 = 1024" in cure and "nn.Linear(1024, 10)" in cure for cure in told.cures)
    assert any("images of 32 x 32" in cure for cure in told.cures), told.cures
