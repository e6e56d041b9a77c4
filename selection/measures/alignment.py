"""How well the samples' loss gradients agree: measures of their Gram matrix G_ij = <g_i, g_j>.

By default of the first 32 images, in float64, over all weights, with frozen batch statistics; `settings` are `images`
and those of `selection.ntk`, but for `outputs`. GradAlign (Li & Guo 2024) is known from its abstract only; what carries
its name here is our reading of it.
"""

import torch
from torch import Tensor, nn

from ..kernels import GRAM_SETTINGS, loss_gram
from ..numerics.precision import prepare_algebra
from ..registry import register_measure
from .batch import Batches, first_images
from .memo import share

IMAGES = 32
SETTINGS = ("images", *GRAM_SETTINGS)  # what these measures hand on


def _gram(net: nn.Module, batches: Batches, *, images: int = IMAGES, **settings) -> Tensor:
    return share(_compute_gram, net, batches, images=images, **settings)


def _compute_gram(net: nn.Module, batches: Batches, *, images: int, **settings) -> Tensor:
    x, y = first_images(batches, images)
    return loss_gram(net, x, y, **settings)


def _cosines(net: nn.Module, batches: Batches, **settings) -> Tensor:
    gram = _gram(net, batches, **settings)
    norms = gram.diagonal().clamp_min(_tiny(gram)).sqrt()
    return gram / norms / norms[:, None]


def _tiny(gram: Tensor) -> float:
    return torch.finfo(gram.dtype).tiny


@register_measure("gradalign_1", settings=SETTINGS)
def gradalign_1(net: nn.Module, batches: Batches, **settings) -> float:
    """Mean cosine of a sample's gradient with the mean gradient, in [-1, 1], 0 where that vanishes; our reading of
    GradAlign-I."""
    gram = _gram(net, batches, **settings)
    eps = torch.finfo(gram.dtype).eps
    mean = gram.mean()  # the square of the mean gradient
    if mean <= eps * len(gram) * gram.diagonal().max():  # rounding noise, which may be negative
        return 0.0
    norms = gram.diagonal().sqrt() * mean.sqrt()
    cosines = gram.mean(1) / norms.clamp_min(_tiny(gram))
    return float(cosines.mean())


@register_measure("gradalign_2", settings=SETTINGS)
def gradalign_2(net: nn.Module, batches: Batches, *, ridge: float = 0.0, **settings) -> float:
    """log det(C + ridge I) of the cosines C, at most 0 without a ridge, minus infinity where two gradients are
    parallel; our reading of GradAlign-II.

    Higher is a larger volume: samples that ask for different things of the weights. The abstract leaves the sign open;
    this one goes with accuracy on NAS-Bench-201.
    """
    cosines = prepare_algebra(_cosines(net, batches, **settings))
    identity = torch.eye(len(cosines), dtype=cosines.dtype, device=cosines.device)
    return float(torch.linalg.slogdet(cosines + ridge * identity).logabsdet)


@register_measure("gradient_cosine", settings=SETTINGS)
def gradient_cosine(net: nn.Module, batches: Batches, **settings) -> float:
    """Mean cosine of two different samples' gradients, in [-1, 1]."""
    cosines = _cosines(net, batches, **settings)
    return float((cosines.sum() - cosines.trace()) / _count_pairs(cosines))


@register_measure("gradient_conflict", settings=SETTINGS)
def gradient_conflict(net: nn.Module, batches: Batches, **settings) -> float:
    """Negated share of pairs of samples whose gradients point away from each other, in [-1, 0]."""
    cosines = _cosines(net, batches, **settings)
    conflicts = int((cosines < 0).sum())
    return -conflicts / _count_pairs(cosines)


def _count_pairs(cosines: Tensor) -> int:
    """The number of ordered pairs of different samples."""
    return cosines.numel() - len(cosines)
