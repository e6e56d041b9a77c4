"""MeCo: how far the channels of the feature maps are from repeating each other."""

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..gates import leaf_modules
from ..numerics.precision import convert_to_float64
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images

IMAGES = 8


@register_measure("meco")
@torch.no_grad()
def meco(net: nn.Module, batches: Batches, *, images: int = IMAGES) -> float:
    """sum_l lambda_min(P_l), P_l Pearson's correlations of the channels of layer l's output over the positions of all
    images (Jiang et al. 2023).

    Layers are modules that hold no others and return [B, C, H, W], each use of one counts; statistics of BatchNorms are
    the batch's. A layer with a constant channel counts 0. The paper takes one image of noise: over its positions alone
    the last layers have more channels than positions, and all count 0.
    """
    x, _ = first_images(batches, images)
    eigenvalues: list[float] = []

    def record(_: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            eigenvalues.append(_smallest_eigenvalue(output))

    with preserved(net, seed=0):
        net.train()
        with hooked(layer.register_forward_hook(record) for layer in leaf_modules(net)):
            net(x)
    return sum(eigenvalues)


def _smallest_eigenvalue(feature: Tensor) -> float:
    """lambda_min of the channels' correlations, of a feature map [B, C, H, W]."""
    rows = convert_to_float64(feature.transpose(0, 1).flatten(1))
    if not rows.isfinite().all():
        raise SelectionError("meco: a layer's output holds values that are not finite numbers")
    rows = rows - rows.mean(1, keepdim=True)
    sizes = rows.norm(dim=1, keepdim=True)
    if (sizes == 0).any():
        return 0.0
    rows = rows / sizes
    return max(0.0, float(torch.linalg.eigvalsh(rows @ rows.T)[0]))
