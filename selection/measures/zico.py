"""ZiCo: how large gradients are, compared with how much they differ between mini-batches."""

import math

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..preserve import preserved
from ..registry import register_measure
from .batch import Batches, check_images, cross_entropy
from .weights import gradients, weight_layers

IMAGES = 64


@register_measure("zico")
def zico(net: nn.Module, batches: Batches, *, images: int = IMAGES) -> float:
    """sum_l log sum_w mean_m |g_w| / std_m g_w (Li et al. 2023), g_w the gradient of mini-batch m's mean cross entropy by a weight w of layer l.

    Layers are convolutions and linear layers; weights of no deviation do not count, nor do layers that have only those.
    BatchNorms use batch statistics.

    Args:
        images: of each mini-batch at most; every batch is one, and where there is only one batch, each of its halves.
    """
    layers = [layer.weight for layer in weight_layers(net)]
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        by_batch = [gradients(cross_entropy(net(x.clone()), y), layers) for x, y in _mini_batches(batches, images)]
    return sum(_layer_score(torch.stack(by_weight)) for by_weight in zip(*by_batch))


def _layer_score(g: Tensor) -> float:
    """Gradients of one layer [mini-batches, ...]."""
    g = g.double()
    mean, std = g.abs().mean(0), g.std(0, correction=0)
    total = float((mean / std)[std > 0].sum())
    return math.log(total) if total > 0 else 0.0


def _mini_batches(batches: Batches, images: int) -> Batches:
    check_images(images)
    batches = list(batches)
    if len(batches) == 1:
        (x, y), half = batches[0], len(batches[0][0]) // 2
        batches = [(x[:half], y[:half]), (x[half:], y[half:])]
    if not batches or len(batches[0][0]) == 0:
        raise SelectionError("zico compares mini-batches: give two batches, or one of at least 2 images")
    return [(x[:images], y[:images]) for x, y in batches]
