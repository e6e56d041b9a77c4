"""Which statistics and which precision the kernel is taken with."""

import torch
from small_supernets import batch
from torch import nn
from torch.nn import functional as F

from selection import ntk


def test_frozen_statistics_are_those_of_the_batch():
    """Running statistics set by hand to the batch's, layer by layer, give the frozen kernel."""
    layers = (
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    net, (x, _) = nn.Sequential(*layers).double(), batch(6)
    frozen = ntk(net, x)
    with torch.no_grad():
        first = net[0](x)
        normed = F.batch_norm(first, None, None, net[1].weight, net[1].bias, True)
        for norm, before in ((net[1], first), (net[4], net[2:4](normed))):
            norm.running_mean.copy_(before.mean((0, 2, 3)))
            norm.running_var.copy_(before.var((0, 2, 3), unbiased=False))
    assert torch.allclose(frozen, ntk(net, x, batchnorm="running"), rtol=1e-10)


def test_ntk_in_float64_of_a_float32_net_leaves_it_float32():
    net = nn.Linear(3, 2)
    kernel = ntk(net, torch.randn(4, 3))
    assert kernel.dtype == torch.float64
    assert net.weight.dtype == torch.float32
