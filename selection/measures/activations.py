"""Activation patterns of a ReLU network: how many there are, and how far they tell the images apart."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..gates import leaf_modules
from ..numerics.precision import convert_to_float64
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images
from .size import parameters

IMAGES = 64


@torch.no_grad()
def _patterns(net: nn.Module, batches: Batches, images: int, training: bool) -> list[Tensor]:
    """For every use of every ReLU: whether its input is positive, [images, units]."""
    x, _ = first_images(batches, images)
    patterns: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        a = inputs[0] if inputs else named["input"]
        if a.isnan().any():
            raise SelectionError("the network's activations are not numbers: a ReLU is given NaN")
        patterns.append((a > 0).flatten(1))

    with preserved(net, seed=0):
        net.train(training)
        with hooked(relu.register_forward_pre_hook(record, with_kwargs=True) for relu in _find_relus(net)):
            net(x)
    return patterns


def _find_relus(net: nn.Module) -> list[nn.Module]:
    """The modules that NASLib takes for ReLUs, whose types are named so (LeakyReLU, PReLU, ...), if they hold no others
    and are not switched off."""
    return [module for module in leaf_modules(net) if "ReLU" in type(module).__name__]


@register_measure("naswot")
def naswot(net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True) -> float:
    """log|det K|, K_ij = units on which images i and j agree (Mellor et al. 2021); -inf where two images agree on all.

    Args:
        training: batch statistics in the BatchNorms, or running ones.
    """
    patterns = _patterns(net, batches, images, training)
    if not patterns:
        raise SelectionError("naswot counts the patterns of ReLU modules, and the network has none")
    kernel = sum(_count_agreements(convert_to_float64(pattern)) for pattern in patterns)
    return float(torch.linalg.slogdet(kernel).logabsdet)


def _count_agreements(pattern: Tensor) -> Tensor:
    """[images, units] of 0 and 1 -> for each two images the units on which they agree."""
    off = 1 - pattern
    return pattern @ pattern.T + off @ off.T


@register_measure("linear_regions")
def linear_regions(net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True) -> float:
    """Number of different activation patterns among the images (TE-NAS, Chen et al. 2021)."""
    patterns = _patterns(net, batches, images, training)
    if not patterns:
        return 1.0
    distinct = torch.cat(patterns, 1).cpu().unique(dim=0)
    return float(len(distinct))


@register_measure("swap")
def swap(
    net: nn.Module,
    batches: Batches,
    *,
    images: int = 32,
    training: bool = True,
    mu: float | None = None,
    sigma: float | None = None,
) -> float:
    """Number of units whose patterns over the images differ (SWAP-Score, Peng et al. 2024), of the ReLUs' inputs; at
    most 2^images.

    Args:
        mu, sigma: of the regularised form (ibid., section 3.3): the number times exp(-(P - mu)^2 / sigma) for P
            thousand parameters.

    >>> swap(nn.Sequential(nn.ReLU()), [(torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, 3.0]]), torch.tensor([0, 0]))])
    2.0
    """
    patterns = _patterns(net, batches, images, training)
    if not patterns:
        raise SelectionError("swap counts the patterns of ReLU modules, and the network has none")
    by_unit = torch.cat(patterns, 1).T.cpu().numpy()
    packed = np.ascontiguousarray(np.packbits(by_unit, axis=1))
    rows = packed.view(f"V{packed.shape[1]}")  # a unit's bytes as one value
    return float(len(np.unique(rows))) * _weigh_size(net, mu, sigma)


def _weigh_size(net: nn.Module, mu: float | None, sigma: float | None) -> float:
    if mu is None and sigma is None:
        return 1.0
    if mu is None or sigma is None or not sigma > 0:
        raise SelectionError(f"the regularised swap needs mu, and sigma above 0, not mu={mu!r}, sigma={sigma!r}")
    thousands = parameters(net) / 1000
    return math.exp(-((thousands - mu) ** 2) / sigma)
