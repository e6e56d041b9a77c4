"""How many activation patterns a ReLU network tells the images apart by."""

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..gates import running_modules
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images

IMAGES = 64


@torch.no_grad()
def _patterns(net: nn.Module, batches: Batches, images: int, training: bool) -> list[Tensor]:
    """For every use of every ReLU: whether its input is positive, [images, units].

    A ReLU is what NASLib takes for one, a module whose type is named so (LeakyReLU, PReLU, ...), if it holds no others
    and is not switched off.
    """
    x, _ = first_images(batches, images)
    patterns: list[Tensor] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        a = inputs[0] if inputs else named["input"]
        if a.isnan().any():
            raise SelectionError("the network's activations are not numbers: a ReLU is given NaN")
        patterns.append((a > 0).flatten(1))

    with preserved(net, seed=0):
        net.train(training)
        relus = [
            module
            for module in running_modules(net)
            if "ReLU" in type(module).__name__ and not any(True for _ in module.children())
        ]
        with hooked(module.register_forward_pre_hook(note, with_kwargs=True) for module in relus):
            net(x)
    return patterns


@register_measure("naswot")
def naswot(net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True) -> float:
    """log|det K|, K_ij = units on which images i and j agree (Mellor et al. 2021); -inf where two images agree on all.

    Args:
        training: batch statistics in the BatchNorms, or running ones.
    """
    on = [pattern.double() for pattern in _patterns(net, batches, images, training)]
    if not on:
        raise SelectionError("naswot counts the patterns of ReLU modules, and the network has none")
    return float(torch.linalg.slogdet(sum(p @ p.T + (1 - p) @ (1 - p).T for p in on))[1])


@register_measure("linear_regions")
def linear_regions(net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True) -> float:
    """Number of different activation patterns among the images (TE-NAS, Chen et al. 2021)."""
    patterns = _patterns(net, batches, images, training)
    return float(len(torch.cat(patterns, 1).unique(dim=0))) if patterns else 1.0


@register_measure("swap")
def swap(net: nn.Module, batches: Batches, *, images: int = 32, training: bool = True) -> float:
    """Number of units whose patterns over the images differ (SWAP-Score, Peng et al. 2024), of the ReLUs' inputs; at
    most 2^images.

    >>> swap(nn.Sequential(nn.ReLU()), [(torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, 3.0]]), torch.tensor([0, 0]))])
    2.0
    """
    patterns = _patterns(net, batches, images, training)
    if not patterns:
        raise SelectionError("swap counts the patterns of ReLU modules, and the network has none")
    packed = np.ascontiguousarray(np.packbits(torch.cat(patterns, 1).T.cpu().numpy(), axis=1))
    return float(len(np.unique(packed.view(f"V{packed.shape[1]}"))))
