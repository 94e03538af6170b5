"""A softmax over a sample of the classes: exact where the sample is everything, right on average where it is not."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from gatefield.functional.sampled_softmax import inclusion, sampled_log_likelihood, zipf


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


H, W, B = normal(5, 3), normal(7, 3, seed=1), normal(7, seed=2)
TARGETS = torch.tensor([0, 6, 3, 3, 1])


def estimate(samples: int, seed: int, targets: torch.Tensor = TARGETS, **given: torch.Tensor) -> torch.Tensor:
    values = {"h": H[: len(targets)], "weight": W, "bias": B, **given}
    return sampled_log_likelihood(
        targets=targets, samples=samples, generator=torch.Generator().manual_seed(seed), **values
    )


def test_classes_are_drawn_by_the_law_of_zipf():
    """Drawn one by one from a table of the law, so often is each class among 3 draws."""
    q = torch.tensor([math.log((k + 2) / (k + 1)) / math.log(8) for k in range(7)], dtype=torch.float64)
    assert q.sum().item() == pytest.approx(1)
    torch.testing.assert_close(zipf(7), q)
    draws = torch.multinomial(q, 60_000, replacement=True, generator=torch.Generator().manual_seed(0)).view(-1, 3)
    found = torch.stack([(draws == k).any(1).double().mean() for k in range(7)])
    torch.testing.assert_close(inclusion(7, 3), found, rtol=0, atol=4 * 0.5 / math.sqrt(20_000))


def test_a_sample_of_everything_is_the_softmax():
    """Value and gradients."""
    given = {"h": H.clone(), "weight": W.clone(), "bias": B.clone()}
    for part in given.values():
        part.requires_grad_()
    exact = F.cross_entropy(given["h"] @ given["weight"].T + given["bias"], TARGETS, reduction="none")
    found = -estimate(10**6, 0, **given)
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), given.values()),
        torch.autograd.grad(exact.square().sum(), given.values()),
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def by_hand(drawn: torch.Tensor, pi: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The score of each target, and what stands for the sum of all, where the classes ``drawn`` are the sample."""
    s = (H @ W.T + B).exp()
    own = s.gather(1, TARGETS[:, None])
    others = (s / pi * drawn).scatter(1, TARGETS[:, None], 0.0)
    return own[:, 0], own[:, 0] + others.sum(1)


@pytest.mark.parametrize("samples", [1, 4])
def test_the_sum_is_right_on_average(samples):
    """Over all subsets of the classes, each with its chance."""
    pi, mean = inclusion(7, samples), torch.zeros(5, dtype=torch.float64)
    for subset in itertools.product([False, True], repeat=7):
        drawn = torch.tensor(subset)
        mean += torch.where(drawn, pi, 1 - pi).prod() * by_hand(drawn, pi)[1]
    torch.testing.assert_close(mean, (H @ W.T + B).exp().sum(1))


@pytest.mark.parametrize("samples", [1, 4])
def test_what_is_computed_is_that_sum_for_the_sample_drawn(samples):
    pi, sizes = inclusion(7, samples), set()
    for seed in range(30):
        drawn = torch.rand(7, generator=torch.Generator().manual_seed(seed)) < pi
        own, total = by_hand(drawn, pi)
        torch.testing.assert_close(estimate(samples, seed), (own / total).log())
        sizes.add(int(drawn.sum()))
    assert len(sizes) > 3 or 0 in sizes  # an empty sample among them


@pytest.mark.parametrize("seed", range(6))
def test_gradients(seed):
    """Of small samples too: of none, of the target alone."""
    parts = [part.clone().requires_grad_() for part in (H, W, B)]

    def compute(h, w, b):
        return estimate(1, seed, h=h, weight=w, bias=b)

    assert torch.autograd.gradcheck(compute, parts)


def test_what_is_not_read_has_no_gradient():
    weight = W.clone().requires_grad_()
    estimate(1, 3, weight=weight).sum().backward()
    drawn = torch.rand(7, generator=torch.Generator().manual_seed(3)) < inclusion(7, 1)
    read = set(drawn.nonzero().flatten().tolist()) | set(TARGETS.tolist())
    assert set(weight.grad.any(1).nonzero().flatten().tolist()) <= read
    assert len(read) < 7


def test_no_rows():
    assert estimate(3, 0, targets=TARGETS[:0]).shape == (0,)


def test_training_on_samples_finds_the_frequencies():
    """The bias alone, trained on few of 50 classes at once, becomes the logarithm of how often each occurs."""
    p = torch.arange(50, 0, -1, dtype=torch.float64).pow(1.5)
    targets = torch.multinomial(p, 20_000, replacement=True, generator=torch.Generator().manual_seed(5))
    bias, weight, h = torch.zeros(50, dtype=torch.float64, requires_grad=True), torch.zeros(50, 1).double(), None
    optimizer, source = torch.optim.Adam([bias], 0.05), torch.Generator().manual_seed(6)
    for step in range(600):
        batch = targets[step % 20 * 1000 : (step % 20 + 1) * 1000]
        h = torch.zeros(1000, 1).double()
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 600)
        optimizer.zero_grad()
        (-sampled_log_likelihood(h, batch, weight, bias, 30, source).mean()).backward()
        optimizer.step()
    seen = torch.bincount(targets, minlength=50).double() / len(targets)
    entropy = -(seen * seen.log()).sum()
    found = F.cross_entropy(bias.detach().expand(len(targets), -1), targets)
    assert float(inclusion(50, 30).sum()) < 20
    assert entropy <= found < entropy + 0.05
