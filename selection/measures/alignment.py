"""How well the samples' loss gradients agree: measures of their Gram matrix G_ij = <g_i, g_j>, cross entropy.

By default of the first 32 images, in float64, over all weights, with frozen batch statistics; `settings` are those of
`selection.ntk`. GradAlign (Li & Guo 2024) is known from its abstract only; what carries its name here is our reading of
it.
"""

import torch
from torch import Tensor, nn

from ..kernels import loss_gram
from ..registry import register_measure
from .batch import Batches, check_labels, count_classes, first_images
from .kept import keep

SAMPLES = 32


@keep
def _gram(net: nn.Module, batches: Batches, *, images: int = SAMPLES, **settings) -> Tensor:
    x, y = first_images(batches, images)
    check_labels(y, count_classes(net, x))
    return loss_gram(net, x, y, **settings)


def _cosines(net: nn.Module, batches: Batches, **settings) -> Tensor:
    gram = _gram(net, batches, **settings)
    norms = gram.diagonal().clamp_min(torch.finfo(gram.dtype).tiny).sqrt()
    return gram / norms / norms[:, None]


@register_measure("gradalign_1")
def gradalign_1(net: nn.Module, batches: Batches, **settings) -> float:
    """Mean cosine of a sample's gradient with the mean gradient, in [-1, 1], 0 where that vanishes; our reading of
    GradAlign-I."""
    gram = _gram(net, batches, **settings)
    eps = torch.finfo(gram.dtype).eps
    if gram.mean() <= eps * len(gram) * gram.diagonal().max():  # its square is rounding noise, which may be negative
        return 0.0
    norms = gram.diagonal().sqrt() * gram.mean().sqrt()
    return float((gram.mean(1) / norms.clamp_min(torch.finfo(gram.dtype).tiny)).mean())


@register_measure("gradalign_2")
def gradalign_2(net: nn.Module, batches: Batches, *, ridge: float = 0.0, **settings) -> float:
    """log det(C + ridge I) of the cosines C, at most 0 without a ridge, minus infinity where two gradients are
    parallel; our reading of GradAlign-II.

    Higher is a larger volume: samples that ask for different things of the weights. The abstract leaves the sign open;
    this one goes with accuracy on NAS-Bench-201.
    """
    cosines = _cosines(net, batches, **settings)
    return float(torch.linalg.slogdet(cosines + ridge * torch.eye(len(cosines)).to(cosines))[1])


@register_measure("gradient_cosine")
def gradient_cosine(net: nn.Module, batches: Batches, **settings) -> float:
    """Mean cosine of two different samples' gradients, in [-1, 1]."""
    cosines = _cosines(net, batches, **settings)
    return float((cosines.sum() - cosines.trace()) / (cosines.numel() - len(cosines)))


@register_measure("gradient_conflict")
def gradient_conflict(net: nn.Module, batches: Batches, **settings) -> float:
    """Negated share of pairs of samples whose gradients point away from each other, in [-1, 0]."""
    cosines = _cosines(net, batches, **settings)
    return -int((cosines < 0).sum()) / (cosines.numel() - len(cosines))
