"""Training with an adversary, as a recipe names it."""

from __future__ import annotations

import pytest
import torch

from gatefield import load, train
from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.attacks.victim import Victim

SETTINGS = ("model={name: mlp, hidden: [32]}", "training.epochs=20", "training.optimizer.learning_rate=0.003")


def error_under_attack(run, epsilon: float) -> float:
    trained = run.task.trained
    _, images = run.task.part("test")
    raw = images.batch(torch.arange(len(images)))
    victim = Victim(trained.model, lambda values: trained.preparation(values), trained.objective)
    changed = FGSM(epsilon=epsilon)(victim, raw, images.labels)
    return float((victim.predictions(changed) != images.labels).double().mean())


@pytest.mark.slow
def test_an_adversary_in_the_recipe_makes_the_network_robust(tmp_path):
    plain = train("digits", *SETTINGS, out=tmp_path / "plain", report=False)
    robust = train("digits", *SETTINGS, "adversary={name: fgsm, epsilon: 16}", out=tmp_path / "robust", report=False)
    before, after = error_under_attack(plain, 16), error_under_attack(robust, 16)
    assert after < 0.6 * before
    assert load(robust.folder.path).task.adversary.config() == robust.task.adversary.config()
