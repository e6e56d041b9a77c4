"""The entropy of the Fisher information's eigenvalues."""

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..kernels import FISHER_SETTINGS, fisher_gram
from ..numerics.logits import output_of_one
from ..numerics.precision import convert_to_float64
from ..registry import register_measure
from .batch import Batches, first_images


@register_measure("vkdnw", settings=("images", *FISHER_SETTINGS))
def vkdnw(
    net: nn.Module, batches: Batches, *, images: int = 32, dtype: torch.dtype | str = "float32", **settings
) -> float:
    """Entropy of the deciles (least and largest included) of the Fisher information's eigenvalues, as shares of their
    sum (VKDNW, Tybl & Neumann 2025), in [0, log 11]; 0 where nothing is learnt.

    Of all weights: the paper takes one weight each of 128 layers, to have a matrix that is small. Here the eigenvalues
    are those of the kernel of all logits, weighted by diag(p) - p p' of each image, images x (classes - 1) of them, in
    float32, because the small ones weigh little in an entropy. The paper's VKDNW_single, which orders by the number of
    layers and then by this, is nearest to `weight_layers+vkdnw`.

    Raises:
        SelectionError: the outputs are not logits [B, classes] of two classes or more.
    """
    x, _ = first_images(batches, images)
    shape = output_of_one(net, x).shape
    if len(shape) != 2 or shape[1] < 2:
        raise SelectionError(f"vkdnw needs logits [B, classes] of two classes or more, not {list(shape)}")
    products = fisher_gram(net, x, dtype=dtype, **settings)
    values = torch.linalg.eigvalsh(convert_to_float64(products))[len(x) :]
    deciles = torch.linspace(0, 1, 11, dtype=values.dtype, device=values.device)
    return _entropy(values.clamp_min(0).quantile(deciles))


def _entropy(values: Tensor) -> float:
    """-sum_i s_i log s_i of the shares s of these values, none negative; 0 where all are 0."""
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum()) if values.any() else 0.0
