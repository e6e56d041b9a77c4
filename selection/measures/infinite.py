"""Measures of the neural tangent kernel that a network has in the limit of infinite width: they read its architecture,
not its weights.

Of the first 32 images, in float64. The network describes its architecture by `layers_of_kernel()`, a dict of what
`infinite_ntk` takes: "activations", "skips" and "weight_variance".
"""

from functools import lru_cache
from typing import Any

import torch
from torch import nn

from ..errors import SelectionError
from ..numerics.infinite import Recursion
from ..numerics.spectrum import Spectrum, spectrum
from ..registry import register_measure
from .batch import Batches, first_images

IMAGES = 32


@register_measure("ntk_infinite_min", needs="mlp")
def ntk_infinite_min(net: nn.Module, batches: Batches, *, images: int = IMAGES, normalise: bool = False) -> float:
    """Smallest eigenvalue of the kernel at infinite width (Zhu et al. 2022); 0 where it drowns in rounding noise, as
    for an image that comes twice.

    Args:
        normalise: scale every activation so that its mean square over the images is one.

    Raises:
        SelectionError: a network that does not describe its activations and skips.
    """
    values = _spectrum(net, batches, images, normalise)
    return values.min if values.resolved else 0.0


@register_measure("ntk_infinite_min_relative", needs="mlp")
def ntk_infinite_min_relative(
    net: nn.Module, batches: Batches, *, images: int = IMAGES, normalise: bool = False
) -> float:
    """Smallest eigenvalue of the kernel at infinite width over its mean eigenvalue, in [0, 1]; settings and errors as
    for `ntk_infinite_min`."""
    values = _spectrum(net, batches, images, normalise)
    return values.min_relative if values.resolved else 0.0


def _spectrum(net: Any, batches: Batches, images: int, normalise: bool) -> Spectrum:
    if not hasattr(net, "layers_of_kernel"):
        name = type(net).__name__
        raise SelectionError(
            f"the kernel at infinite width is known for the fully-connected and residual space 'mlp' only: {name} has "
            f"no layers_of_kernel()"
        )
    layers = net.layers_of_kernel()
    x, _ = first_images(batches, images)
    x = x.detach().cpu().double()
    recursion = _recursion(x.numpy().tobytes(), x.shape, layers["weight_variance"], normalise)
    kernel = recursion.kernel(layers["activations"], layers["skips"])
    return spectrum(kernel)


@lru_cache(maxsize=2)
def _recursion(images: bytes, shape: torch.Size, weight_variance: float, normalise: bool) -> Recursion:
    """The recursion that the candidates of a search share while they are measured on the same images."""
    x = torch.frombuffer(bytearray(images), dtype=torch.float64).view(shape)
    return Recursion(x, weight_variance=weight_variance, normalise=normalise)
