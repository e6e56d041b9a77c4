"""The size of a network, without what is switched off."""

from torch import nn

from ..alphas import find_alphas
from ..gates import running_modules
from ..numerics.flops import count_multiply_adds
from ..registry import register_measure
from .batch import Batches, first_images


@register_measure("parameters")
def parameters(net: nn.Module, batches: Batches | None = None) -> float:
    """Number of parameters: of a supernet those of all its options, without those that are switched off and its
    alphas."""
    is_alpha = find_alphas(net)
    parameters_by_id = {}
    for module in running_modules(net):
        for parameter in module.parameters(recurse=False):
            parameters_by_id[id(parameter)] = parameter
    return float(sum(p.numel() for p in parameters_by_id.values() if not is_alpha(p)))


@register_measure("weight_layers")
def weight_layers(net: nn.Module, batches: Batches | None = None) -> float:
    """Number of layers with weights, convolutions and linear ones, that are not switched off (VKDNW's aleph, Tybl &
    Neumann 2025): modules that hold a parameter of two dimensions or more.

    >>> weight_layers(nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)))
    2.0
    """
    is_alpha = find_alphas(net)
    layers = 0
    for module in running_modules(net):
        layers += any(p.dim() > 1 and not is_alpha(p) for p in module.parameters(recurse=False))
    return float(layers)


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
    image, _ = first_images(batches, 1)
    counts = count_multiply_adds(net, image, running_modules(net))
    return float(sum(counts.values()))
