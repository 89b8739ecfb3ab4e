"""`check_model`: sick models are told with their rule and line, models that are well stay silent and untouched."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchdoctor
from tests.check_model import models
from tests.check_model.models import SICK, TRIALS, Well
from torchdoctor.explained import unstylish_words
from torchdoctor.faces.check_model import ModelCheckFailed
from torchdoctor.finding import Finding

LINES = Path(models.__file__).read_text(encoding="utf-8").splitlines()


def batch(size: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(size, 3, 8, 8), torch.randint(0, 5, (size,))


def found(model: Any, *arguments: Any, **options: Any) -> tuple[Finding, ...]:
    with pytest.raises(ModelCheckFailed) as caught:
        torchdoctor.check_model(model, *(arguments or (batch(), F.cross_entropy)), **options)
    assert isinstance(caught.value, AssertionError)
    for finding in caught.value.findings:
        assert not list(unstylish_words(finding))
        assert finding.rule in str(caught.value)
    assert not [note for note in caught.value.notes if "could not be made" in note]
    return caught.value.findings


def blamed(cls: type) -> int:
    start = next(n for n, line in enumerate(LINES) if line.startswith(f"class {cls.__name__}("))
    return next(n for n in range(start, len(LINES)) if LINES[n].endswith("# blamed")) + 1


@pytest.mark.parametrize("cls", SICK, ids=lambda cls: cls.__name__)
def test_a_sick_model_is_told_with_its_line(cls: type[Well]) -> None:
    rule = SICK[cls]
    only = TRIALS.get(rule, "copy" if cls is models.Computed else "pickle")
    findings = [one for one in found(cls(), only=only) if one.rule == rule]
    assert findings, "the rule is not told"
    places = [(at.path, at.line) for one in findings for at in (one.at, *(mark.at for mark in one.marks)) if at]
    assert (models.__file__, blamed(cls)) in places


def test_all_trials_find_together() -> None:
    findings = found(models.PlainTensor, batch(), F.cross_entropy)
    assert {one.rule for one in findings} == {"state-outside-state-dict", "model-bound-to-device"}


WELL: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "convolutions": (Well, batch(), F.cross_entropy),
    "zero-head": (models.ZeroHead, batch(), F.cross_entropy),
    "frozen": (models.FrozenFeatures, batch(), F.cross_entropy),
    "recurrent": (models.Recurrent, (torch.randn(6, 7, 4), torch.randn(6)), nn.MSELoss()),
    "language": (
        models.Language,
        (torch.randint(0, 50, (4, 8)), torch.randint(0, 50, (4, 8))),
        lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten()),
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2)),
        (torch.randn(5, 4), torch.randn(5, 2)),
        F.mse_loss,
    ),
    "autoencoder": (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)), torch.randn(5, 4), F.mse_loss),
    "own-loss": (models.OwnLoss, {"x": torch.randn(5, 4), "labels": torch.randint(0, 3, (5,))}, None),
    "output-alone": (lambda: nn.Linear(4, 2), (torch.randn(5, 4),), lambda output: output.square().mean()),
}


@pytest.mark.parametrize("name", WELL)
@pytest.mark.parametrize("built", ["instance", "function"])
def test_a_model_that_is_well_is_silent(name: str, built: str) -> None:
    make, data, loss = WELL[name]
    report = torchdoctor.check_model(make() if built == "instance" else make, data, loss)
    assert "overfit" in report.tried
    assert not [note for note in report.notes if "could not be made" in note]


def test_nothing_of_the_users_is_changed() -> None:
    model = Well().eval()
    model.norm.train()
    model.head.weight.grad = torch.ones(5, 8)
    before = models.copied(model)
    data = batch()
    same = [tensor.clone() for tensor in data]
    states = torch.get_rng_state(), random.getstate()
    with torch.no_grad():
        torchdoctor.check_model(model, data, F.cross_entropy)
        assert not torch.is_grad_enabled()
    assert torch.equal(states[0], torch.get_rng_state()) and states[1] == random.getstate()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [m.training for m in (model, model.norm, model.head)] == [False, True, False]
    assert torch.equal(model.head.weight.grad, torch.ones(5, 8)) and model.conv.weight.grad is None
    assert all(torch.equal(a, b) for a, b in zip(same, data, strict=True))
    assert not model._forward_hooks and not model._forward_pre_hooks


def test_the_original_of_a_tied_copy_keeps_its_gradients() -> None:
    model = models.Tied()
    found(model, only="copy")
    assert model.conv.weight.grad is None


def test_layers_in_a_list_are_no_part_of_the_model() -> None:
    findings = found(models.Listed, batch(), F.cross_entropy, only=["checkpoint", "device"])
    assert [one.rule for one in findings] == ["state-outside-state-dict", "model-bound-to-device"]
    for finding in findings:
        places = [at.line for at in (finding.at, *(mark.at for mark in finding.marks)) if at]
        assert blamed(models.Listed) in places and "layers" in finding.message


def test_a_loss_with_layers_of_its_own_is_not_the_model() -> None:
    judged = models.Judged()

    def step(model: nn.Module, data: Any) -> torch.Tensor:
        return judged(model(data[0]))  # type: ignore[no-any-return]

    for way in ({"loss": judged}, {"step": step}):
        data = batch() if "step" in way else (batch()[0],)
        report = torchdoctor.check_model(Well(), data, **way, skip="batch-of-one")
        assert any("the loss makes tensors on cpu" in note for note in report.notes)


def test_what_another_optimizer_trains_is_no_stray() -> None:
    class Both(models.Plain):
        pass

    torchdoctor.check_model(
        Both(),
        batch(),
        F.cross_entropy,
        only="step",
        optimizer=lambda m: torch.optim.SGD([*m.parameters(), m.scale], lr=0.1),
    )


def test_a_size_that_is_fixed_is_told_once() -> None:
    assert [one.rule for one in found(models.FixedBatch(), only=["batch", "batch-of-one"])] == ["model-raises"]


def test_a_device_names_the_operands() -> None:
    (finding,) = found(models.MadeOnCpu(), only="device")
    assert any("is on cpu" in one and "is on meta" in one for one in finding.evidence)


# -- optimizers --------------------------------------------------------------------------------------------------------


def test_a_part_that_the_optimizer_does_not_hold() -> None:
    findings = found(
        Well(), batch(), F.cross_entropy, only="step", optimizer=lambda m: torch.optim.SGD(m.head.parameters(), lr=0.1)
    )
    assert [one.rule for one in findings] == ["parameter-outside-optimizer"]
    assert "`Well.conv.weight`" in findings[0].message and findings[0].at and findings[0].at.path == models.__file__


def test_an_optimizer_of_another_model_is_told_so() -> None:
    other = Well()
    made = torch.optim.SGD(other.parameters(), lr=0.1)
    findings = found(Well(), batch(), F.cross_entropy, only="step", optimizer=lambda m: made)
    assert findings[0].rule == "parameter-outside-optimizer"
    assert any("none of the model's parameters" in text for text in findings[0].evidence)


def test_a_learning_rate_of_zero_changes_nothing() -> None:
    findings = found(
        Well(), batch(), F.cross_entropy, only="step", optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.0)
    )
    assert [one.rule for one in findings] == ["parameter-unchanged-by-step"]


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, lambda m: torch.optim.LBFGS(m.parameters(), lr=0.1)])
def test_optimizers_that_are_well(optimizer: Any) -> None:
    torchdoctor.check_model(Well(), batch(), F.cross_entropy, optimizer=optimizer, only="step")


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_unused_parameters_can_be_named() -> None:
    torchdoctor.check_model(models.UnusedLayer(), batch(), F.cross_entropy, unused=["extra.*"], only="step")


def test_a_step_of_the_users_own() -> None:
    data = batch()

    def step(model: nn.Module, given: Any) -> torch.Tensor:
        x, y = given
        return F.cross_entropy(model(x), y, label_smoothing=0.1)

    report = torchdoctor.check_model(Well(), data, step=step)
    assert "batch" in report.tried


def test_random_numbers_of_the_step_are_not_the_models() -> None:
    class Denoiser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 4))

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return self.net(torch.cat([x, t[:, None]], 1))  # type: ignore[no-any-return]

    def step(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        t, noise = torch.rand(len(x), device=x.device), torch.randn_like(x)
        return F.mse_loss(model(torch.lerp(x, noise, t[:, None]), t), noise)

    report = torchdoctor.check_model(Denoiser(), torch.randn(16, 4), step=step)
    assert any("drawn outside the model" in note for note in report.notes)


def test_sparse_gradients_and_tensors_of_the_loss() -> None:
    model = nn.EmbeddingBag(20, 4, sparse=True)
    data = torch.randint(0, 20, (5, 3)), torch.randint(0, 4, (5,))
    torchdoctor.check_model(model, data, F.cross_entropy)
    report = torchdoctor.check_model(
        nn.Linear(4, 3), torch.randn(3, 4), lambda output: F.cross_entropy(output, torch.arange(3)), only="device"
    )
    assert any("the loss makes tensors" in note for note in report.notes)


def test_parametrized_layers_are_well() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 8))
    model = nn.Sequential(layer, nn.ReLU(), nn.utils.parametrizations.spectral_norm(nn.Linear(8, 2)))
    torchdoctor.check_model(model, (torch.randn(6, 4), torch.randn(6, 2)), F.mse_loss)


def test_one_batch_and_a_loss_that_must_be_reached() -> None:
    findings = found(Well(), batch(), F.cross_entropy, only="overfit", overfit_to=-1.0, steps=3)
    assert [one.rule for one in findings] == ["one-batch-not-learned"]
    assert "-1 was asked for" in findings[0].message


def test_a_target_out_of_reach_is_not_learned() -> None:
    class Bounded(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input).tanh()

    data = torch.randn(6, 4), 5 + torch.rand(6, 1)
    findings = found(Bounded(4, 1), data, F.mse_loss, only="overfit", overfit_to=0.1)
    assert [one.rule for one in findings] == ["one-batch-not-learned"]
    assert any("Adam at 0.01" in text for text in findings[0].evidence)


def test_autocast_is_tried_where_it_is_claimed() -> None:
    class Overflows(Well):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = self.features(x).half() * 1e6
            return self.head(kept - kept)  # type: ignore[no-any-return]

    findings = found(Overflows(), batch(), F.cross_entropy, only="half", autocast="float16")
    assert [one.rule for one in findings] == ["non-finite-in-model"]
    assert "under autocast in float16" in findings[0].message
    assert "half" in torchdoctor.check_model(Well(), batch(), F.cross_entropy, only="half", autocast="bf16").tried


def test_nan_in_the_batch_is_the_batchs() -> None:
    x, y = batch()
    x[0, 0, 0, 0] = float("nan")
    findings = found(Well(), (x, y), F.cross_entropy, only="finite")
    assert "the batch itself holds" in findings[0].message


def test_a_compiled_model_is_compared() -> None:
    report = torchdoctor.check_model(nn.Linear(4, 2), (torch.randn(5, 4), torch.randn(5, 2)), F.mse_loss,
                                     only="compile", compile="eager")  # fmt: skip
    assert report.tried == ("compile",)


def test_batch_norm_may_refuse_a_batch_of_one() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    report = torchdoctor.check_model(model, (torch.randn(5, 4), torch.randn(5, 2)), F.mse_loss, only="batch-of-one")
    assert any("drop_last" in note for note in report.notes)


def test_an_unknown_batch_dimension_is_left_alone() -> None:
    data = torch.randn(5, 4, 8), torch.randn(5, 4, 8)
    report = torchdoctor.check_model(models.SequenceFirst(), data, F.mse_loss, only=["batch", "batch-of-one"])
    assert any("batch_first=False" in note for note in report.notes)
    torchdoctor.check_model(models.SequenceFirst(), data, F.mse_loss, only="batch", batch_dim=1)
    findings = found(models.SequenceFirst(), data, F.mse_loss, only="batch", batch_dim=0)
    assert findings[0].rule == "samples-mixed-in-batch"


def test_a_function_builds_what_cannot_be_copied() -> None:
    findings = found(models.Tied, batch(), F.cross_entropy, skip="pickle")
    assert [one.rule for one in findings] == ["copy-shares-weights"]
    with pytest.raises(ModelCheckFailed) as caught:
        torchdoctor.check_model(models.Tied(), batch(), F.cross_entropy)
    assert any("no other trial was made" in note for note in caught.value.notes)


def test_an_exception_of_the_model_is_explained_and_told_once() -> None:
    class Narrow(Well):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(9, 5)

    findings = found(Narrow(), batch(), F.cross_entropy)
    assert [one.rule for one in findings] == ["model-raises"]
    assert any("linear-size-mismatch" in text for text in findings[0].evidence)


# -- calls that are wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "text"),
    [
        ((3, batch(), F.cross_entropy), {}, TypeError, "takes a model, or a function that builds one"),
        ((lambda: 3, batch(), F.cross_entropy), {}, TypeError, "has returned a int"),
        ((Well(), batch(), F.cross_entropy), {"only": "overfitt"}, ValueError, "did you mean 'overfit'"),
        ((Well(), batch(), F.cross_entropy), {"step": lambda m, b: 0}, TypeError, "not both"),
        ((Well(), batch(), F.cross_entropy), {"autocast": "float8"}, ValueError, "'bfloat16' or 'float16'"),
        ((Well(), batch()[:1]), {}, TypeError, "no `loss` of its own"),
        ((Well(), batch(), lambda output, target: 3.0), {}, TypeError, "the loss is a float"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: Any, options: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        torchdoctor.check_model(*arguments, **options)


def test_the_exception_passes_between_processes() -> None:
    with pytest.raises(ModelCheckFailed) as caught:
        torchdoctor.check_model(models.UnusedLayer(), batch(), F.cross_entropy, only="step")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.findings == caught.value.findings and str(again) == str(caught.value)
