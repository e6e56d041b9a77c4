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
    """sum_l log sum_w mean_m |g_w| / std_m g_w (Li et al. 2023).

    g_w is the gradient of mini-batch m's mean cross entropy by a weight w of layer l. Layers are convolutions and
    linear layers; weights of no deviation do not count, nor do layers that have only those. BatchNorms use batch
    statistics.

    Args:
        images: of each mini-batch at most; every batch is one, and where there is only one batch, each of its halves.
    """
    weights = [layer.weight for layer in weight_layers(net)]
    by_batch = []
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        for x, y in _mini_batches(batches, images):
            loss = cross_entropy(net(x.clone()), y)
            by_batch.append(gradients(loss, weights))
    by_layer = zip(*by_batch)
    return sum(_layer_score(torch.stack(layer_gradients)) for layer_gradients in by_layer)


def _layer_score(g: Tensor) -> float:
    """Gradients of one layer [mini-batches, ...]."""
    g = g.double()
    mean = g.abs().mean(0)
    std = g.std(0, correction=0)
    total = float((mean / std)[std > 0].sum())
    return math.log(total) if total > 0 else 0.0


def _mini_batches(batches: Batches, images: int) -> Batches:
    check_images(images)
    batches = list(batches)
    if len(batches) == 1:
        x, y = batches[0]
        half = len(x) // 2
        batches = [(x[:half], y[:half]), (x[half:], y[half:])]
    if not batches or len(batches[0][0]) == 0:
        raise SelectionError("zico compares mini-batches: give two batches, or one of at least 2 images")
    return [(x[:images], y[:images]) for x, y in batches]
