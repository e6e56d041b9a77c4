"""The weights that saliencies and gradient statistics are taken of: those of convolutions and linear layers, never
biases, norms or alphas."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..gates import running_modules

WeightLayer = nn.Conv2d | nn.Linear


def weight_layers(net: nn.Module) -> list[WeightLayer]:
    """The 2d convolutions and linear layers, in the order of `net.modules()`, without those that are switched off.

    >>> weight_layers(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2)))
    [Conv2d(3, 4, kernel_size=(1, 1), stride=(1, 1)), Linear(in_features=4, out_features=2, bias=True)]
    """
    return [module for module in running_modules(net) if isinstance(module, (nn.Conv2d, nn.Linear))]


def weight_names(net: nn.Module) -> list[str]:
    """The names of those layers' weights, in the order of `net.named_parameters()`."""
    weights = {id(layer.weight) for layer in weight_layers(net)}
    return [name for name, parameter in net.named_parameters() if id(parameter) in weights]


def gradients(value: Tensor, tensors: Sequence[Tensor], **options) -> tuple[Tensor, ...]:
    """d value / d tensors; zero for what the value does not depend on.

    Raises:
        SelectionError: an entry is not a finite number.
    """
    if not tensors:
        return ()
    slopes = torch.autograd.grad(value, tensors, allow_unused=True, materialize_grads=True, **options)
    are_finite = torch.stack([slope.isfinite().all() for slope in slopes])
    if not are_finite.all():
        raise SelectionError("the network's gradients are not finite numbers")
    return slopes
