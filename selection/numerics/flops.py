"""Multiply-adds of a forward pass, layer by layer."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..preserve import hooked, preserved


@torch.no_grad()
def count_multiply_adds(net: nn.Module, x: Tensor, modules: Iterable[nn.Module] | None = None) -> dict[nn.Module, int]:
    """{convolution or linear layer: its weights times the positions at which they are applied, for one sample}.

    A layer that runs twice counts twice.

    Args:
        modules: those whose layers count; all of the network by default.

    >>> list(count_multiply_adds(nn.Conv2d(2, 4, 3, padding=1), torch.zeros(8, 2, 5, 5)).values())
    [1800]
    """
    counts: dict[nn.Module, int] = {}

    def count(layer: nn.Conv2d | nn.Linear, _: tuple, output: Tensor) -> None:
        counts[layer] = counts.get(layer, 0) + output[0].numel() * layer.weight[0].numel()

    if modules is None:
        modules = net.modules()
    layers = [module for module in modules if isinstance(module, (nn.Conv2d, nn.Linear))]
    with preserved(net, seed=0), hooked(layer.register_forward_hook(count) for layer in layers):
        net.eval()(x[:1].clone())
    return counts
