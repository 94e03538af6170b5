"""Attributions equal captum's where it has the method."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.attacks.pgd import PGD
from gatefield.explain.attacks.victim import Victim
from gatefield.explain.grad_cam import GradCAM
from gatefield.explain.gradient import Gradient
from gatefield.explain.gradient_input import GradientInput
from gatefield.explain.guided_backpropagation import GuidedBackpropagation
from gatefield.explain.integrated_gradients import IntegratedGradients
from gatefield.explain.occlusion import Occlusion
from gatefield.models.vision.lenet5 import LeNet5

captum = pytest.importorskip("captum.attr")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:captum")
TARGET = torch.tensor([2, 0, 3])


@pytest.fixture
def case() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    model = LeNet5(input_shape=(2, 20, 18), classes=4).eval()
    return model, torch.randn(3, 2, 20, 18)


def close(mine: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(mine, theirs.detach(), rtol=1e-5, atol=1e-5)
    assert theirs.abs().max() > 1e-4


def test_gradients(case):
    model, x = case
    close(Gradient().attribute(model, x, TARGET), captum.Saliency(model).attribute(x, TARGET, abs=False))
    close(GradientInput().attribute(model, x, TARGET), captum.InputXGradient(model).attribute(x, TARGET))


def test_guided_backpropagation(case):
    model, x = case
    theirs = captum.GuidedBackprop(model).attribute(x, TARGET)
    close(GuidedBackpropagation().attribute(model, x, TARGET), theirs)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_integrated_gradients(case, baseline):
    model, x = case
    theirs = captum.IntegratedGradients(model).attribute(x, baseline, TARGET, n_steps=50)
    close(IntegratedGradients(50, baseline, tolerance=None).attribute(model, x, TARGET), theirs)


def test_grad_cam(case):
    model, x = case
    for layer in ("features.c1", "features.s4"):
        theirs = captum.LayerGradCam(model, model.get_submodule(layer)).attribute(x, TARGET, relu_attributions=True)
        close(GradCAM(enlarge=False).attribute(model, x, TARGET, layer), theirs[:, 0])


def test_occlusion(case):
    model, x = case
    theirs = captum.Occlusion(model).attribute(x, (2, 4, 6), (2, 2, 3), 0.5, TARGET)
    close(Occlusion([4, 6], [2, 3], 0.5).attribute(model, x, TARGET), theirs)


def test_integrated_gradients_over_an_embedding_and_an_lstm():
    torch.manual_seed(0)

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.lstm = nn.Embedding(9, 5, padding_idx=0), nn.LSTM(5, 6, batch_first=True)
            self.output_layer = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.output_layer(self.lstm(self.embedding(x))[0][:, -1])

    model, x = Reader().eval(), torch.randint(9, (3, 7))
    layered = captum.LayerIntegratedGradients(model, model.embedding)
    padding = torch.zeros_like(x)  # whose vector is zero
    theirs = layered.attribute(x, padding, TARGET, n_steps=50).sum(-1)
    close(IntegratedGradients(50, tolerance=None).attribute(model, x, TARGET), theirs)


def test_attacks(case):
    robust = pytest.importorskip("captum.robust")
    model, x = case
    x = 40 * x.clamp(-3, 3) + 125
    victim = Victim(model, lambda raw: (raw - 120) / 40)

    def prepared(raw: Tensor) -> Tensor:
        return model((raw - 120) / 40)

    loss = nn.CrossEntropyLoss(reduction="none")
    fgsm, pgd = robust.FGSM(prepared, loss, 0, 255), robust.PGD(prepared, loss, 0, 255)
    fgsm.zero_thresh = pgd.fgsm.zero_thresh = 0  # by default it leaves pixels of small gradients alone
    for target in (None, 1):
        labels = TARGET if target is None else torch.full_like(TARGET, target)
        theirs = fgsm.perturb(x, 6.0, labels, targeted=bool(target))
        torch.testing.assert_close(FGSM(6)(victim, x, TARGET, target), theirs.detach())
        theirs = pgd.perturb(x, radius=6.0, step_size=1.5, step_num=5, target=labels, targeted=bool(target))
        mine = PGD(6, steps=5, step=0.25, random_start=False)(victim, x, TARGET, target)
        torch.testing.assert_close(mine, theirs.detach())
