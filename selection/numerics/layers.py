"""The factor of a parameter, from the inputs of its layer and the gradients of the layer's outputs.

Where a convolution has many positions, its own backward gives the per-sample gradients faster than unfolding its input.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from .factors import Factor, Ghost, choose_cheaper

MANY_POSITIONS = 256  # from here on a convolution's own backward beats unfolding its input (measured)


class Use:
    """One passage of a batch through a layer: its input a, a BatchNorm's moments, and the gradient g of its output once
    that is known."""

    def __init__(self, layer: nn.Module, a: Tensor):
        self.a = a
        self.version = a._version
        self.g: Tensor | Any = None
        self.moments: tuple[Tensor, Tensor] | Any = None
        if isinstance(layer, _BatchNorm):
            self.moments = (layer.running_mean, layer.running_var)


def _linear_weight(layer: nn.Linear, uses: Sequence[Use]) -> Factor:
    inputs = [_as_positions(use.a) for use in uses]
    gradients = [_as_positions(use.g) for use in uses]
    return choose_cheaper(Ghost(_join_positions(inputs), _join_positions(gradients)))


def _as_positions(t: Tensor) -> Tensor:
    """[B, ..., D] -> [B, 1, L, D], one group."""
    return t.reshape(len(t), 1, -1, t.shape[-1])


def _convolution_weight(layer: nn.Conv2d, uses: Sequence[Use]) -> Factor:
    positions = sum(use.g[0, 0].numel() for use in uses)
    if positions >= MANY_POSITIONS and not _is_pointwise(layer):
        return _add_up(_convolution_backward(layer, use.a, use.g) for use in uses)
    inputs = [_unfold(layer, use.a) for use in uses]
    gradients = []
    for use in uses:
        by_group = use.g.reshape(len(use.g), layer.groups, -1, use.g[0, 0].numel())
        gradients.append(by_group.transpose(2, 3))
    return choose_cheaper(Ghost(_join_positions(inputs), _join_positions(gradients)))


def _is_pointwise(layer: nn.Conv2d) -> bool:
    return layer.kernel_size == (1, 1) and layer.padding == (0, 0)


def _add_up(parts: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, parts)  # sum() adds 0 first, which is one more pass


def _join_positions(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _unfold(layer: nn.Conv2d, a: Tensor) -> Tensor:
    """[B, C, H, W] -> what each output position reads, [B, groups, positions, kernel * C/groups]."""
    if _is_pointwise(layer):
        down, right = layer.stride
        read = a[:, :, ::down, ::right]
        return read.reshape(len(a), layer.groups, a.shape[1] // layer.groups, -1).transpose(2, 3)
    padding: Any = layer.padding  # two numbers, see `has_formula`
    rows, columns = padding
    windows = F.pad(a.permute(0, 2, 3, 1), (0, 0, columns, columns, rows, rows))
    for axis, size, step, gap in zip((1, 2), layer.kernel_size, layer.stride, layer.dilation):
        windows = windows.unfold(axis, (size - 1) * gap + 1, step)[..., ::gap]
    windows = windows.unflatten(3, (layer.groups, -1)).permute(0, 3, 1, 2, 5, 6, 4)
    return windows.reshape(len(a), layer.groups, windows.shape[2] * windows.shape[3], -1)


def _convolution_backward(layer: nn.Conv2d, a: Tensor, g: Tensor) -> Tensor:
    """Per-sample gradients of the weight [B, O, C/groups, k, k]."""
    weight = a.new_empty(layer.weight.shape)  # only its shape counts
    settings = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups, (False, True, False))

    def backward(a: Tensor, g: Tensor) -> Tensor:
        _, gradient, _ = torch.ops.aten.convolution_backward(g[None], a[None], weight, None, *settings)
        return gradient

    return torch.vmap(backward)(a, g)


def _bias(layer: nn.Module, uses: Sequence[Use]) -> Tensor:
    return _add_up(_sum_positions(layer, use.g) for use in uses)


def _scale(layer: nn.GroupNorm | nn.LayerNorm, uses: Sequence[Use]) -> Tensor:
    return _add_up(_sum_positions(layer, use.g * _normalise(layer, use.a)) for use in uses)


def _batch_norm_scale(layer: _BatchNorm, uses: Sequence[Use]) -> Tensor:
    """The gradient of a BatchNorm's scale [B, C]: sum_l g_l (a_l - mean) / std, without the normalised input."""

    def gradient(use: Use) -> Tensor:
        mean, var = use.moments
        centred = _sum_positions(layer, use.g * use.a) - _sum_positions(layer, use.g) * mean
        return centred * (var + layer.eps).rsqrt()

    return _add_up(gradient(use) for use in uses)


def _sum_positions(layer: nn.Module, t: Tensor) -> Tensor:
    """[B, ...] -> the sum over positions, which come before a layer's features in Linear and LayerNorm and behind its
    channels in all others."""
    if isinstance(layer, (nn.Linear, nn.LayerNorm)):
        features = getattr(layer, "normalized_shape", t.shape[-1:])
        return t.reshape(len(t), -1, *features).sum(1)
    return t.reshape(*t.shape[:2], -1).sum(2)


def _normalise(layer: nn.GroupNorm | nn.LayerNorm, a: Tensor) -> Tensor:
    if isinstance(layer, nn.GroupNorm):
        return F.group_norm(a, layer.num_groups, eps=layer.eps)
    return F.layer_norm(a, layer.normalized_shape, eps=layer.eps)


Formula = Callable[[Any, Sequence[Use]], Factor]  # of a layer and its uses
BATCH_NORM = {"weight": _batch_norm_scale, "bias": _bias}
NORM = {"weight": _scale, "bias": _bias}
FACTORS: dict[type[nn.Module], dict[str, Formula]] = {
    nn.Linear: {"weight": _linear_weight, "bias": _bias},
    nn.Conv2d: {"weight": _convolution_weight, "bias": _bias},
    nn.BatchNorm1d: BATCH_NORM,
    nn.BatchNorm2d: BATCH_NORM,
    nn.BatchNorm3d: BATCH_NORM,
    nn.GroupNorm: NORM,
    nn.LayerNorm: NORM,
}


def has_formula(layer: nn.Module, name: str) -> bool:
    """Whether `FACTORS` has an exact formula for a layer's parameter, as the layer is set."""
    if type(layer) is nn.Conv2d and (layer.padding_mode != "zeros" or isinstance(layer.padding, str)):
        return False
    return name in FACTORS.get(type(layer), ())
