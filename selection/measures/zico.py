"""ZiCo: how large gradients are, compared with how much they differ between mini-batches."""

import math

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..losses import Loss, compute_loss, settle_loss
from ..numerics.precision import convert_to_float64
from ..preserve import preserved
from ..registry import register_measure
from ..structures import take
from .batch import Batches, check_images
from .weights import gradients, weight_layers

IMAGES = 64


@register_measure("zico")
def zico(net: nn.Module, batches: Batches, *, images: int = IMAGES, loss: Loss = None) -> float:
    """sum_l log sum_w mean_m |g_w| / std_m g_w (Li et al. 2023).

    g_w is the gradient of mini-batch m's mean loss (cross entropy) by a weight w of layer l. Layers are convolutions
    and linear layers; weights of no deviation do not count, nor do layers that have only those. BatchNorms use batch
    statistics.

    Args:
        images: of each mini-batch at most; every batch is one, and where there is only one batch, each of its halves.
        loss: see the measure `loss`.
    """
    weights = [layer.weight for layer in weight_layers(net)]
    by_batch = []
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        for x, y in _mini_batches(batches, images):
            output = net(x.clone())
            if not by_batch:
                loss = settle_loss(loss, output, [targets for _, targets in batches])
            by_batch.append(gradients(compute_loss(output, y, loss), weights))
    by_layer = zip(*by_batch)
    return sum(_layer_score(torch.stack(layer_gradients)) for layer_gradients in by_layer)


def _layer_score(g: Tensor) -> float:
    """Gradients of one layer [mini-batches, ...]."""
    g = convert_to_float64(g)
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
        batches = [(x[:half], take(y, slice(half))), (x[half:], take(y, slice(half, None)))]
    if not batches or len(batches[0][0]) == 0:
        raise SelectionError("zico compares mini-batches: give two batches, or one of at least 2 images")
    return [(x[:images], take(y, slice(images))) for x, y in batches]
