"""Supernets and batches that are small enough for float64 and for brute force."""

import torch

from supernet import Supernet, create_space

LAYERS = {"tiny": 2, "nasbench201": 1}  # others: 3, of which one is a normal cell


def batch(count=12, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, size, size, generator=generator).double()
    return images, torch.randint(0, 4, (count,), generator=generator)


def supernet_of(space, seed=0):
    layers = LAYERS.get(space, 3)
    net = Supernet(create_space(space), channels=4, layers=layers, num_classes=4, seed=seed).double()
    with torch.no_grad():
        for alpha in net.arch_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(seed)))
    return net
