"""Averaged SGD on the circle (Nitanda & Suzuki 2021): what averaging weights gains, and that it forgives a large
learning rate."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

TIMES, SEEDS = (200, 2000), 6
GRID = 2 * math.pi * torch.arange(512) / 512


class Networks(nn.Module):
    """`SEEDS` networks side by side: g(x) = M^(-1/2) sum_j a_j s(b_j . x + c_j), a = +1 on one half and -1 on the
    other, b the same on both, so that g = 0.

    s(u) = u / (1 + exp(-10 u)) is a smooth ReLU. Inputs [SEEDS, n] are angles.
    """

    def __init__(self, width, generator):
        super().__init__()
        angles = 2 * math.pi * torch.rand(SEEDS, width // 2, generator=generator).repeat(1, 2)
        self.b = nn.Parameter(points(angles))
        self.c = nn.Parameter(torch.zeros(SEEDS, width))
        self.a = nn.Parameter(torch.ones(SEEDS, width))
        self.a.data[:, width // 2 :] = -1

    def forward(self, angles):
        nodes = F.silu(10 * (points(angles) @ self.b.mT + self.c[:, None])) / 10
        return (nodes * self.a[:, None]).sum(dim=2) / math.sqrt(self.a.shape[1])


def points(angles):
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def target(angles):
    """Eigenvalues of the kernel fall as i^-2, and this target's source is 3/4: the theory's rate is T^-.75."""
    return angles.sin().abs() - 2 / math.pi


@torch.no_grad()
def excess_risk(net):
    """Mean over the seeds of the mean squared error on the circle, without noise."""
    return float((net(GRID.expand(SEEDS, -1)) - target(GRID)).square().mean())


def averaged_sgd(rate, time, width=400, noise=0.3):
    """Returns (averaged, last) excess risk of one pass of constant rate over `time` fresh samples.

    With the theory's penalty, T^(-1/2) |Theta - Theta_0|^2 / 2.
    """
    generator = torch.Generator().manual_seed(1)
    net = Networks(width, generator)
    start = [p.detach().clone() for p in net.parameters()]
    penalty = time ** (-2 / (2 * 0.75 * 2 + 1))
    average, optimizer = AveragedModel(net), torch.optim.SGD(net.parameters(), rate)
    average.update_parameters(net)
    for _ in range(time):
        x = 2 * math.pi * torch.rand(SEEDS, 1, generator=generator)
        y = target(x) + noise * torch.randn(SEEDS, 1, generator=generator)
        optimizer.zero_grad()
        ((net(x) - y).square().sum() / 2).backward()
        for p, origin in zip(net.parameters(), start):
            p.grad.add_(p.detach() - origin, alpha=penalty)
        optimizer.step()
        average.update_parameters(net)
    return excess_risk(average), excess_risk(net)


@pytest.fixture(scope="module")
def risks():
    """{rate: [(averaged, last) excess risk at each time]}."""
    return {rate: [averaged_sgd(rate, time) for time in TIMES] for rate in (0.3, 1.0)}


def test_networks_start_at_zero():
    assert Networks(400, torch.Generator().manual_seed(0))(GRID.expand(SEEDS, -1)).abs().max() < 1e-6


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_the_average_is_better_than_the_last_iterate_and_falls_nearly_as_the_theory_says(risks, rate):
    assert all(averaged < last for averaged, last in risks[rate])
    averaged_first, averaged_last = risks[rate][0][0], risks[rate][-1][0]
    slope = math.log(averaged_last / averaged_first) / math.log(TIMES[-1] / TIMES[0])
    assert -0.8 < slope < -0.5


def test_the_average_forgives_a_large_learning_rate(risks):
    for (small, small_last), (large, large_last) in zip(risks[0.3], risks[1.0]):
        assert 1 / 1.5 < large / small < 1.5
        assert large_last > 2 * small_last
        assert large_last > 3 * large


def test_the_average_is_the_mean_of_all_iterates():
    net = nn.Linear(2, 1)
    average, seen = AveragedModel(net), []
    for step in range(5):
        seen.append([p.detach().clone() for p in net.parameters()])
        average.update_parameters(net)
        with torch.no_grad():
            for p in net.parameters():
                p.add_(step + 1.0)
    for averaged, *iterates in zip(average.module.parameters(), *seen):
        torch.testing.assert_close(averaged.detach(), torch.stack(iterates).mean(dim=0))
