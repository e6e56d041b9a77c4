"""Measures of the neural tangent kernel.

By default of the first 32 images, in float64, sum of the logits, all weights, frozen batch statistics; `settings` are
`images` and those of `selection.ntk`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SelectionError
from ..kernels import NTK_SETTINGS, ntk
from ..numerics.logits import output_of_one
from ..numerics.precision import prepare_algebra
from ..numerics.spectrum import Spectrum, spectrum
from ..registry import register_measure
from ..targets import read_class_indices
from .batch import Batches, first_images
from .memo import share

IMAGES = 32
SETTINGS = ("images", *NTK_SETTINGS)  # what these measures hand on


def _kernel(net: nn.Module, batches: Batches, *, images: int = IMAGES, **settings) -> Tensor:
    return share(_compute_kernel, net, batches, images=images, **settings)


def _compute_kernel(net: nn.Module, batches: Batches, *, images: int, **settings) -> Tensor:
    x, _ = first_images(batches, images)
    return ntk(net, x, **settings)


def _spectrum(net: nn.Module, batches: Batches, **settings) -> Spectrum:
    return spectrum(_kernel(net, batches, **settings))


@register_measure("ntk_min", settings=SETTINGS)
def ntk_min(net: nn.Module, batches: Batches, **settings) -> float:
    """Smallest eigenvalue (Zhu et al. 2022), 0 where it drowns in rounding noise; changes by c^2 when the output is
    scaled by c."""
    values = _spectrum(net, batches, **settings)
    return values.min if values.resolved else 0.0


@register_measure("ntk_min_relative", settings=SETTINGS)
def ntk_min_relative(net: nn.Module, batches: Batches, **settings) -> float:
    """Smallest eigenvalue over the mean eigenvalue, in [0, 1], 0 where it drowns in rounding noise; does not change
    when the output is scaled."""
    values = _spectrum(net, batches, **settings)
    return values.min_relative if values.resolved else 0.0


@register_measure("ntk_condition", settings=SETTINGS)
def ntk_condition(net: nn.Module, batches: Batches, **settings) -> float:
    """Negated condition number (TE-NAS, Chen et al. 2021); minus infinity where the smallest eigenvalue drowns in
    rounding noise."""
    return -_spectrum(net, batches, **settings).condition


@register_measure("ntk_trace", settings=SETTINGS)
def ntk_trace(net: nn.Module, batches: Batches, **settings) -> float:
    """Trace: the sum of the squared norms of the samples' gradients (NASI, Shu et al. 2022)."""
    return float(_kernel(net, batches, **settings).trace())


@register_measure("ntk_complexity", settings=SETTINGS)
def ntk_complexity(net: nn.Module, batches: Batches, *, images: int = IMAGES, **settings) -> float:
    """-sqrt(mean_c y_c' K^-1 y_c / N) with centred one-vs-rest labels and a ridge of 1e-6 of the mean eigenvalue (form
    of Arora et al. 2019).

    Raises:
        SelectionError: fewer images than classes: it is a mean over the classes, and those without an image would add
            nothing.
    """
    x, y = first_images(batches, images)
    logits = output_of_one(net, x)
    classes = logits.shape[1]
    y = read_class_indices(logits, y)
    if len(x) < classes:
        raise SelectionError(
            f"ntk_complexity needs images of every class, and {len(x)} images cannot show {classes}: give "
            f"images={classes} or more"
        )
    kernel = _kernel(net, batches, images=images, **settings)
    if not kernel.any():
        return -math.inf  # nothing can be learnt
    labels, kernel = prepare_algebra(F.one_hot(y, classes).to(kernel)), prepare_algebra(kernel)
    labels = labels - labels.mean(0)
    ridge = 1e-6 * kernel.trace() / len(y) * torch.eye(len(y), dtype=kernel.dtype, device=kernel.device)
    energy = (labels * torch.linalg.solve(kernel + ridge, labels)).sum(0)
    return -float((energy.mean() / len(y)).clamp_min(0).sqrt())


@register_measure("ntk_alignment", settings=SETTINGS)
def ntk_alignment(net: nn.Module, batches: Batches, *, images: int = IMAGES, **settings) -> float:
    """Label-gradient alignment: correlation of the kernel's entries with +1 for two images of one class and -1 for
    others (Mok et al. 2022), in [-1, 1].

    0 where the kernel is constant, or the images are of one class.
    """
    x, y = first_images(batches, images)
    y = read_class_indices(output_of_one(net, x), y)
    kernel = _kernel(net, batches, images=images, **settings)
    same_class = prepare_algebra(torch.where(y[:, None] == y, 1.0, -1.0).to(kernel))
    kernel = prepare_algebra(kernel)
    kernel = kernel - kernel.mean()
    same_class = same_class - same_class.mean()
    norms = float(kernel.norm() * same_class.norm())
    return float((kernel * same_class).sum()) / norms if norms else 0.0
