"""Intrinsic trainability: how many dimensions the layers' outputs fill, times how evenly gradients are spread."""

import math

import torch
from torch import Tensor, nn

from ..alphas import find_alphas
from ..errors import SelectionError
from ..gates import running_modules
from ..losses import Loss, compute_loss
from ..numerics.precision import convert_to_float64
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images
from .weights import gradients, weight_layers

IMAGES = 64
EPSILON = 1e-10


@register_measure("intrain")
def intrain(net: nn.Module, batches: Batches, *, images: int = IMAGES, loss: Loss = None) -> float:
    """gamma (1 + o) / log(L + 1) (InTrain, Zhou et al. 2026), of one forward and one backward pass.

    gamma = sum_l log((tr C_l)^2 / tr(C_l^2)), C_l the covariance of the channels of layer l's output over images and
    positions; o = sum_p min(1, std(g_p) / max|g_p|), g_p the gradient of the loss by parameter tensor p; L layers.
    Layers are convolutions and linear layers, each use of one counts; statistics of BatchNorms are the batch's. The
    paper shows the network normal noise, which is `intrain~noise` here, and random labels.

    Raises:
        SelectionError: the network has no such layer, or its values are not finite.
    """
    x, y = first_images(batches, images)
    capacities: list[float] = []

    def record(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        capacities.append(math.log(_participation_ratio(_flatten(layer, output.detach()))))

    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        with hooked(layer.register_forward_hook(record) for layer in weight_layers(net)):
            value = compute_loss(net(x), y, loss)
        slopes = gradients(value, _list_parameters(net))
    if not capacities:
        raise SelectionError("intrain looks at convolutions and linear layers, and the network has none")
    health = sum(_measure_health(convert_to_float64(slope)) for slope in slopes)
    return sum(capacities) * (1 + health) / math.log(len(capacities) + 1)


def _list_parameters(net: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters of modules that run, each once, without alphas."""
    is_alpha = find_alphas(net)
    found = {id(p): p for module in running_modules(net) for p in module.parameters(recurse=False)}
    return [p for p in found.values() if p.requires_grad and not is_alpha(p)]


def _flatten(layer: nn.Module, output: Tensor) -> Tensor:
    """Returns [images and positions, channels]."""
    if isinstance(layer, nn.Linear):
        return output.flatten(0, -2)
    return output.movedim(-3, -1).flatten(0, -2)


def _participation_ratio(rows: Tensor) -> float:
    """(sum lambda)^2 / sum lambda^2 of the eigenvalues of the columns' covariance [N, C] -> 1 ... C."""
    rows = convert_to_float64(rows)
    if not rows.isfinite().all():
        raise SelectionError("intrain: a layer's output holds values that are not finite numbers")
    rows = rows - rows.mean(0)
    covariance = rows.T @ rows / len(rows)
    covariance.diagonal().add_(EPSILON)
    return float(covariance.trace() ** 2 / covariance.square().sum())


def _measure_health(slope: Tensor) -> float:
    """min(1, std / max|.|) of the entries of a gradient."""
    return min(1.0, float(slope.std(correction=0) / (slope.abs().max() + EPSILON)))
