"""The size of a network, without what is switched off."""

from torch import nn

from ..numerics.flops import multiply_adds
from ..numerics.state import alphas, running
from ..registry import register_measure
from .batch import Batches, first_images


@register_measure("parameters")
def parameters(net: nn.Module, batches: Batches | None = None) -> float:
    """Number of parameters: of a supernet those of all its options, but neither of those that are switched off nor its
    alphas."""
    apart = alphas(net)
    held = {id(p): p for module in running(net) for p in module.parameters(recurse=False)}
    return float(sum(p.numel() for p in held.values() if p.untyped_storage().data_ptr() not in apart))


@register_measure("flops")
def flops(net: nn.Module, batches: Batches) -> float:
    """Multiply-adds of convolutions and linear layers for one image: sum_l weights of l times the positions at which
    they are applied.

    A layer counts whenever it runs: a supernet counts all its options, but not those that are switched off. Biases,
    norms, activations and poolings do not; NAS-Bench-201's figure adds, on every edge, 3 for each value behind a
    convolution (ReLU, BatchNorm) and 9 for each behind a pooling.

    >>> import torch
    >>> flops(nn.Conv2d(2, 4, 3, padding=1), [(torch.zeros(8, 2, 5, 5), torch.arange(8))])
    1800.0
    """
    return float(sum(multiply_adds(net, first_images(batches, 1)[0]).values()))
