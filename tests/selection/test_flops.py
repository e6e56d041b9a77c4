"""Multiply-adds against counts written out layer by layer."""

import pytest
import torch
from torch import nn

from selection import masked, measure
from supernet import Supernet, create_space


def flops(net, *shape):
    return measure("flops", net, torch.zeros(2, *shape), torch.zeros(2))


@pytest.mark.parametrize(
    ("layer", "shape", "want"),
    [
        (nn.Conv2d(6, 8, 3, padding=1), (6, 5, 7), 5 * 7 * 8 * 6 * 9),
        (nn.Conv2d(6, 8, (1, 3), stride=2, groups=2), (6, 5, 7), 3 * 3 * 8 * 3 * 3),
        (nn.Conv2d(6, 6, 5, dilation=2, padding=4, groups=6), (6, 9, 9), 81 * 6 * 25),
        (nn.Linear(7, 3), (7,), 21),
        (nn.Linear(7, 3), (4, 7), 4 * 21),
        (nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2)), (6, 4, 4), 0),
    ],
)
def test_multiply_adds_of_a_layer(layer, shape, want):
    assert flops(layer, *shape) == want


def test_a_layer_that_is_used_twice_counts_twice():
    conv = nn.Conv2d(3, 3, 1)
    assert (
        flops(nn.Sequential(conv, nn.AvgPool2d(2), conv, nn.Flatten(), nn.Linear(12, 2)), 3, 4, 4)
        == 16 * 9 + 4 * 9 + 24
    )


def test_a_nasbench201_supernet_counts_every_option():
    net = Supernet(create_space("nasbench201"), channels=4, layers=2, num_classes=10)
    base, options = 64 * 4 * 3 * 9 + 16 * 10, 0
    for channels, positions in ((4, 64), (8, 16), (16, 4)):
        options += 2 * 6 * positions * channels**2 * (1 + 9)
        if channels > 4:  # the block before: 3x3 of stride 2, 3x3, and the shortcut's 1x1
            base += positions * channels * (channels // 2 * 9 + channels * 9 + channels // 2)
    assert flops(net, 3, 8, 8) == base + options
    with masked(net, {choice: list(names) for choice, names in net.choices().items()}):
        assert flops(net, 3, 8, 8) == base


@pytest.mark.parametrize("space", ["darts", "tiny"])
def test_a_supernet_is_its_base_and_the_sum_of_its_options(space):
    net = Supernet(create_space(space), channels=4, layers=3, num_classes=5)
    everything = {choice: list(names) for choice, names in net.choices().items()}
    with masked(net, everything):
        base = flops(net, 3, 8, 8)
    options = 0.0
    for kept in {name for names in everything.values() for name in names}:
        with masked(net, {choice: [name for name in names if name != kept] for choice, names in everything.items()}):
            options += flops(net, 3, 8, 8) - base
    assert 0 < base < flops(net, 3, 8, 8) == base + options
