"""SWAP and MeCo against their definitions, written out."""

import numpy as np
import pytest
import torch
from torch import nn

from selection import SelectionError, measure


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


X = torch.randn(10, 3, 7, 7, generator=torch.Generator().manual_seed(1))
Y = torch.arange(10) % 3


def outputs(net, x):
    """What every layer returns, in training mode, by itself."""
    found = []
    for layer in net.train():
        x = layer(x)
        found.append(x.detach().clone())
    return found


def test_swap_counts_units_that_differ_in_when_they_are_on():
    maps = outputs(network(), X)
    inputs = [maps[1].clamp(min=0), maps[3]]  # what the ReLUs are given has the signs of what they return
    patterns = {tuple(bool(v) for v in unit) for feature in inputs for unit in (feature > 0).flatten(1).T}
    assert measure("swap", network(), X, Y) == len(patterns)
    assert measure("swap", network(), X, Y, images=2) <= 4
    with pytest.raises(SelectionError, match="has none"):
        measure("swap", nn.Sequential(nn.Flatten(), nn.Linear(147, 3)), X, Y)


def test_swap_regularised_weighs_by_how_far_the_size_is_from_mu():
    plain = measure("swap", network(), X, Y)
    thousands = sum(p.numel() for p in network().parameters()) / 1000
    assert measure("swap", network(), X, Y, mu=thousands, sigma=1.0) == plain
    assert measure("swap", network(), X, Y, mu=thousands + 2, sigma=4.0) == pytest.approx(plain / np.e)
    for half in ({"mu": 1.0}, {"sigma": 1.0}, {"mu": 1.0, "sigma": 0.0}):
        with pytest.raises(SelectionError, match="needs mu, and sigma above 0"):
            measure("swap", network(), X, Y, **half)


def test_meco_sums_the_smallest_eigenvalues_of_the_correlations():
    total = 0.0
    for feature in outputs(network(), X[:8])[:6]:
        rows = np.stack(
            [feature[:, channel].flatten().numpy().astype(np.float64) for channel in range(feature.shape[1])]
        )
        total += max(0.0, np.linalg.eigvalsh(np.corrcoef(rows))[0])
    assert measure("meco", network(), X, Y) == pytest.approx(total, rel=1e-9)


def test_a_repeated_or_constant_channel_counts_nothing():
    net = network()
    with torch.no_grad():
        for index in (0, 3):
            net[index].weight[1], net[index].bias[1] = net[index].weight[0], net[index].bias[0]
    assert measure("meco", net, X, Y) == pytest.approx(0, abs=1e-9)
    nn.init.zeros_(net[0].weight)
    assert measure("meco", net, X, Y) == 0


def test_intrain_is_capacity_times_health_over_the_logarithm_of_depth():
    net = network()
    capacity, layers = 0.0, 0
    for layer, feature in zip(net, outputs(network(), X)):
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        rows = feature.movedim(1, -1).reshape(-1, feature.shape[1]).double().numpy()
        values = np.linalg.eigvalsh(np.cov(rows.T, bias=True) + 1e-10 * np.eye(rows.shape[1]))
        shares = values / values.sum()
        capacity += -np.log((shares**2).sum())  # Renyi's entropy of second order
        layers += 1
    net.train()
    nn.functional.cross_entropy(net(X), Y).backward()
    health = 0.0
    for parameter in net.parameters():
        slope = parameter.grad.double().numpy()
        health += min(1, slope.std() / (np.abs(slope).max() + 1e-10))
    expected = capacity * (1 + health) / np.log(layers + 1)
    assert measure("intrain", network(), X, Y) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(SelectionError, match="has none"):
        measure("intrain", nn.Sequential(nn.Flatten(), nn.BatchNorm1d(147)), X, Y)
