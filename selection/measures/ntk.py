"""Measures of the neural tangent kernel's spectrum."""

import torch
from torch import Tensor, nn

from ..numerics.gram import ntk
from ..registry import register_measure

KERNEL_SIZE = 16


@register_measure("ntk_min")
def ntk_min(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Smallest eigenvalue of the kernel on the first 16 images (Zhu et al. 2022): sum of logits, all weights, frozen batch statistics, float64."""
    x = torch.cat([x for x, _ in batches[: 1 + KERNEL_SIZE // max(1, len(batches[0][0]))]])[:KERNEL_SIZE]
    return float(torch.linalg.eigvalsh(ntk(net, x))[0])
