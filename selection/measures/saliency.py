"""Saliency of the weights of convolutions and linear layers at one batch's loss (zero-cost-nas, Abdelfattah et al.
2021).

The sums run over layers. Settings: `images`, at most so many (64); `training`, batch statistics in the BatchNorms as
theirs (True), or running ones; of those that take a loss, `loss`: see the measure of that name.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..alphas import find_alphas
from ..errors import SelectionError
from ..losses import Loss, compute_loss
from ..numerics.logits import read_logits
from ..numerics.precision import convert_to_float64, settle_dtype
from ..numerics.state import call_with, converted
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images
from .weights import WeightLayer, gradients, weight_layers, weight_names

IMAGES = 64
SETTINGS = ("images", "training", "loss")  # what the measures with `**settings` hand on


@contextmanager
def _loss(
    net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True, loss: Loss = None
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """The loss on one batch, and the weights that it is differentiated by."""
    x, y = first_images(batches, images)
    with preserved(net, seed=0), torch.enable_grad():
        net.train(training)
        yield compute_loss(net(x), y, loss), [layer.weight for layer in weight_layers(net)]


@register_measure("grad_norm", settings=SETTINGS)
def grad_norm(net: nn.Module, batches: Batches, **settings) -> float:
    """sum_l |dL/dW_l|_2."""
    with _loss(net, batches, **settings) as (loss, weights):
        return float(sum(g.norm() for g in gradients(loss, weights)))


@register_measure("plain", settings=SETTINGS)
def plain(net: nn.Module, batches: Batches, **settings) -> float:
    """sum W * dL/dW."""
    with _loss(net, batches, **settings) as (loss, weights):
        saliencies = _products(weights, gradients(loss, weights))
        return float(sum(saliency.sum() for saliency in saliencies))


@register_measure("snip", settings=SETTINGS)
def snip(net: nn.Module, batches: Batches, **settings) -> float:
    """sum |W * dL/dW| (Lee et al. 2019)."""
    with _loss(net, batches, **settings) as (loss, weights):
        saliencies = _products(weights, gradients(loss, weights))
        return float(sum(saliency.abs().sum() for saliency in saliencies))


@register_measure("grasp", settings=SETTINGS)
def grasp(net: nn.Module, batches: Batches, **settings) -> float:
    """-W' H g, g = dL/dW and H the Hessian (Wang et al. 2020)."""
    with _loss(net, batches, **settings) as (loss, weights):
        slopes = gradients(loss, weights, create_graph=True)
        slope: Any = sum((g.detach() * g).sum() for g in slopes)  # of the loss, along g
        hessian_product = gradients(slope, weights)
        return float(sum((-w * hg).detach().sum() for w, hg in zip(weights, hessian_product)))


@register_measure("fisher", settings=SETTINGS)
def fisher(net: nn.Module, batches: Batches, **settings) -> float:
    """Sum over layers and output channels of mean_n (sum_positions a dL/da)^2 / 2, times the weights of the channel
    (Theis et al. 2018, Turner et al. 2020)."""
    layers: list[WeightLayer] = []
    outputs: list[Tensor] = []

    def record(layer: WeightLayer, _: tuple, output: Tensor) -> None:
        layers.append(layer)
        outputs.append(output)

    watched = hooked(layer.register_forward_hook(record) for layer in weight_layers(net))
    with watched, _loss(net, batches, **settings) as (loss, _):
        total = 0.0
        for layer, a, g in zip(layers, outputs, gradients(loss, outputs)):
            channels = a * g
            if a.dim() > 2:
                channels = channels.flatten(2).sum(2)
            information = float((channels**2).mean(0).sum().detach())
            total += layer.weight[0].numel() * information / 2
        return total


@register_measure("jacob_cov")
def jacob_cov(net: nn.Module, batches: Batches, *, images: int = IMAGES, training: bool = True) -> float:
    """-sum_k log(v_k + e) + 1 / (v_k + e), v the eigenvalues of the correlations of d(sum of logits)/dx between images,
    e = 1e-5 (Mellor et al. 2020).

    Minus infinity where the output does not depend on some image.

    Raises:
        SelectionError: fewer than two images, or images of whole numbers.
    """
    x = first_images(batches, images)[0].detach()
    if len(x) < 2 or not x.is_floating_point():
        raise SelectionError(
            f"jacob_cov compares derivatives by images: it needs at least 2 of floating type, not {len(x)} of {x.dtype}"
        )
    x.requires_grad_()
    with preserved(net, seed=0), torch.enable_grad():
        net.train(training)
        logits = read_logits(net(x.clone()))
        (jacobian,) = gradients(logits.sum(), [x])
    correlations = torch.corrcoef(convert_to_float64(jacobian.flatten(1)))
    if correlations.isnan().any():  # an image that the output does not depend on
        return -math.inf
    values = torch.linalg.eigvalsh(correlations) + 1e-5
    return -float((values.log() + 1 / values).sum())


@register_measure("synflow")
def synflow(net: nn.Module, batches: Batches, *, norms: bool = False, training: bool = True) -> float:
    """sum |W * dR/dW| (Tanaka et al. 2020), R the output of the network of absolute weights, at an image of ones.

    In float64, and without BatchNorms.

    Args:
        norms: keep the BatchNorms, their scales and shifts absolute as well (`synflow_bn` of zero-cost-nas).
        training: where they are kept, they use the one image's statistics, or the absolute values of the running ones.
    """
    image, _ = first_images(batches, 1)
    dtype = settle_dtype(next(net.parameters(), image), torch.float64, "synflow")
    ones = torch.ones_like(image, dtype=dtype if image.is_floating_point() else image.dtype)
    is_alpha = find_alphas(net)

    def convert(tensor: Tensor) -> Tensor:
        """A copy in that dtype, absolute unless it is an alpha."""
        if not tensor.is_floating_point():
            return tensor.detach().clone()
        if is_alpha(tensor):
            return tensor.detach().to(dtype, copy=True)
        return tensor.detach().to(dtype).abs()

    state = converted(net, convert)
    weights = [state[name].requires_grad_() for name in weight_names(net)]
    without_norms = nullcontext() if norms else _without_norms(net)
    with preserved(net, seed=0), without_norms, torch.enable_grad():
        net.train(training)
        output = read_logits(call_with(net, state, ones)).sum()
        saliencies = _products(weights, gradients(output, weights))
        return float(sum(saliency.abs().sum() for saliency in saliencies))


def _products(weights: Sequence[Tensor], slopes: Sequence[Tensor]) -> list[Tensor]:
    """Weights times gradients, entry by entry."""
    return [(weight * slope).detach() for weight, slope in zip(weights, slopes)]


@contextmanager
def _without_norms(net: nn.Module) -> Iterator[None]:
    """Inside the block the BatchNorms hand on what they get, but those whose forward somebody has replaced."""
    norms = []
    for module in net.modules():
        if isinstance(module, _BatchNorm) and "forward" not in module.__dict__:
            norms.append(module)
    try:
        for norm in norms:
            norm.forward = nn.Identity().forward
        yield
    finally:
        for norm in norms:
            del norm.forward
