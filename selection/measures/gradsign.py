"""GradSign: how often the samples agree on the direction in which a weight should go."""

from functools import partial

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..gates import switched_off
from ..losses import Loss, compute_loss, settle_loss
from ..numerics.precision import settle_dtype
from ..numerics.state import call_with, converted
from ..numerics.statistics import frozen_statistics
from ..preserve import preserved
from ..registry import register_measure
from ..structures import take
from .batch import Batches, first_images
from .weights import gradients, weight_names

IMAGES = 32


@register_measure("gradsign")
def gradsign(
    net: nn.Module, batches: Batches, *, images: int = IMAGES, batchnorm: str = "frozen", loss: Loss = None
) -> float:
    """sum_w |sum_i sign(dl_i / dw)| (Zhang & Jia 2022), l_i the loss (cross entropy) of sample i.

    Over the weights w of convolutions and linear layers, in float64. A count, between 0 and samples times weights;
    weights that no loss depends on count nothing. The authors' code passes each image alone through a network in
    training mode, so that its BatchNorms see one image's statistics; AZ-NAS's version takes the mean over the weights.

    Args:
        images: samples; a backward pass each.
        loss: see the measure `loss`.
        batchnorm: "frozen" (the batch's statistics, taken as constants) or "running" (running statistics, as in eval
            mode).

    >>> gradsign(nn.Linear(1, 2, bias=False), [(torch.tensor([[1.0], [2.0], [-3.0]]), torch.tensor([0, 0, 0]))])
    2.0
    """
    if batchnorm not in ("frozen", "running"):
        raise SelectionError(f"batchnorm is 'frozen' or 'running', not {batchnorm!r}")
    x, y = first_images(batches, images)
    dtype = settle_dtype(next(net.parameters(), x), torch.float64, "gradsign")
    if x.is_floating_point():
        x = x.to(dtype)
    state = converted(net, partial(_copy, dtype))
    weights = [state[name].requires_grad_() for name in weight_names(net)]
    with preserved(net, seed=0):
        net.eval()
        if batchnorm == "frozen":
            with torch.no_grad(), frozen_statistics(net, switched_off(net)):
                call_with(net, state, x)
        totals = [torch.zeros_like(weight) for weight in weights]
        for index in range(len(x)):
            sample = slice(index, index + 1)
            with torch.enable_grad():
                output = call_with(net, state, x[sample])
                loss = settle_loss(loss, output, [y])
                value = compute_loss(output, take(y, sample), loss)
            for total, gradient in zip(totals, gradients(value, weights)):
                total += gradient.sign()
    return float(sum(total.abs().sum() for total in totals))


def _copy(dtype: torch.dtype, tensor: Tensor) -> Tensor:
    """A copy, in the dtype where it is floating."""
    if not tensor.is_floating_point():
        return tensor.clone()
    return tensor.detach().to(dtype, copy=True)
