"""A parameter's share of the kernel, from the inputs of its layer and the gradients of the layer's outputs.

A layer whose output at position l is W a_l has the per-sample gradient G^T A; A [L, D] holds a sample's inputs a_l, G
[L, O] the gradients of its outputs. The share <G_i^T A_i, G_j^T A_j> is formed in whichever of three ways takes the
fewest operations:

    ghost         sum_lm (A_i A_j^T)_lm (G_i G_j^T)_lm     few positions: linear layers, late convolutions
    materialised  J = G^T A for this parameter, then J J^T few parameters
    convolution   J by the convolution's own backward      many positions

What a batch contributes to a share, A and G or J, is its factor.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

MANY_POSITIONS = 256  # from here on a convolution's own backward beats unfolding its input (measured)
ONE_PRODUCT = 128  # rows from which on halving a square saves more than small products lose (measured)
GHOST_SPEED = (
    2  # operations of the ghost in the time of one that materialises, which writes J and reads it again (measured)
)


class Use:
    """One passage of a batch through a layer: its input, a BatchNorm's moments, and the gradient of its output once
    that is known."""

    def __init__(self, layer: nn.Module, a: Tensor):
        self.a, self.version, self.g = a, a._version, None
        self.moments = (layer.running_mean, layer.running_var) if isinstance(layer, _BatchNorm) else None


class Ghost(NamedTuple):
    """Inputs a [B, groups, L, D] and gradients g [B, groups, L, O]; a layer that is used again has more positions."""

    a: Tensor
    g: Tensor


Factor = Tensor | Ghost  # a tensor holds per-sample gradients [B, ...]


def product(one: Factor, two: Factor) -> Tensor:
    """The share of two batches, [B1, B2]."""
    if isinstance(one, Ghost) and isinstance(two, Ghost):
        return sum(_ghost(one.a[:, k], one.g[:, k], two.a[:, k], two.g[:, k]) for k in range(one.a.shape[1]))
    return _rows(one) @ _rows(two).T


def square(factor: Factor) -> Tensor:
    """The share of a batch with itself, whose products below the diagonal are those above it."""
    ghost = isinstance(factor, Ghost)
    count, positions = (factor.a.shape[0], factor.a.shape[2]) if ghost else (len(factor), 1)
    if count == 1 or count * positions <= ONE_PRODUCT:
        return product(factor, factor)
    upper, lower = (
        Ghost(factor.a[half], factor.g[half]) if ghost else factor[half]
        for half in (slice(count // 2), slice(count // 2, None))
    )
    across = product(upper, lower)
    return torch.cat([torch.cat([square(upper), across], 1), torch.cat([across.T, square(lower)], 1)])


def _ghost(a1: Tensor, g1: Tensor, a2: Tensor, g2: Tensor) -> Tensor:
    pairs = (a1.flatten(0, 1) @ a2.flatten(0, 1).T) * (g1.flatten(0, 1) @ g2.flatten(0, 1).T)
    return pairs.reshape(*a1.shape[:2], *a2.shape[:2]).sum((1, 3))


def _rows(factor: Factor) -> Tensor:
    return (factor.g.transpose(2, 3) @ factor.a if isinstance(factor, Ghost) else factor).flatten(1)


def _cheaper(ghost: Ghost) -> Factor:
    """The factor itself, or what it materialises to."""
    count, _, positions, width = ghost.a.shape
    outputs = ghost.g.shape[3]
    materialised = count * positions * width * outputs + count**2 * width * outputs
    return _rows(ghost) if GHOST_SPEED * materialised <= count**2 * positions**2 * (width + outputs) else ghost


def _linear(layer: nn.Linear, uses: Sequence[Use]) -> Factor:
    return _cheaper(
        Ghost(
            *(
                _joined([t.reshape(len(t), 1, -1, t.shape[-1]) for t in ts])
                for ts in zip(*((use.a, use.g) for use in uses))
            )
        )
    )


def _convolution(layer: nn.Conv2d, uses: Sequence[Use]) -> Factor:
    pointwise = layer.kernel_size == (1, 1) and layer.padding == (0, 0)
    if sum(use.g[0, 0].numel() for use in uses) >= MANY_POSITIONS and not pointwise:
        return _total(_convolution_backward(layer, use.a, use.g) for use in uses)
    a = _joined([_unfold(layer, use.a) for use in uses])
    g = _joined([use.g.reshape(len(use.g), layer.groups, -1, use.g[0, 0].numel()).transpose(2, 3) for use in uses])
    return _cheaper(Ghost(a, g))


def _total(parts: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, parts)  # sum() adds 0 first, which is one more pass


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _unfold(layer: nn.Conv2d, a: Tensor) -> Tensor:
    """[B, C, H, W] -> what each output position reads, [B, groups, positions, kernel * C/groups]."""
    if layer.kernel_size == (1, 1) and layer.padding == (0, 0):
        return (
            a[:, :, :: layer.stride[0], :: layer.stride[1]]
            .reshape(len(a), layer.groups, a.shape[1] // layer.groups, -1)
            .transpose(2, 3)
        )
    down, right = layer.padding
    windows = F.pad(a.permute(0, 2, 3, 1), (0, 0, right, right, down, down))
    for axis, size, step, apart in zip((1, 2), layer.kernel_size, layer.stride, layer.dilation):
        windows = windows.unfold(axis, (size - 1) * apart + 1, step)[..., ::apart]
    windows = windows.unflatten(3, (layer.groups, -1)).permute(0, 3, 1, 2, 5, 6, 4)
    return windows.reshape(len(a), layer.groups, windows.shape[2] * windows.shape[3], -1)


def _convolution_backward(layer: nn.Conv2d, a: Tensor, g: Tensor) -> Tensor:
    """Per-sample gradients of the weight [B, O, C/groups, k, k]."""
    shape = a.new_empty(layer.weight.shape)  # only its shape counts
    settings = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups, (False, True, False))
    return torch.vmap(lambda a, g: torch.ops.aten.convolution_backward(g[None], a[None], shape, None, *settings)[1])(
        a, g
    )


def _shift(layer: nn.Module, uses: Sequence[Use]) -> Tensor:
    return _total(_over_positions(layer, use.g) for use in uses)


def _scale(layer: nn.Module, uses: Sequence[Use]) -> Tensor:
    return _total(_over_positions(layer, use.g * _normalised(layer, use.a)) for use in uses)


def _batch_scale(layer: nn.Module, uses: Sequence[Use]) -> Tensor:
    """The gradient of a BatchNorm's scale [B, C]: sum_l g_l (a_l - mean) / std, without the normalised input."""

    def one(a: Tensor, g: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (_over_positions(layer, g * a) - _over_positions(layer, g) * mean) * (var + layer.eps).rsqrt()

    return _total(one(use.a, use.g, *use.moments) for use in uses)


def _over_positions(layer: nn.Module, t: Tensor) -> Tensor:
    """[B, ...] -> the sum over positions, which come before a layer's features in Linear and LayerNorm and behind its
    channels in all others."""
    if isinstance(layer, (nn.Linear, nn.LayerNorm)):
        return t.reshape(len(t), -1, *getattr(layer, "normalized_shape", t.shape[-1:])).sum(1)
    return t.reshape(*t.shape[:2], -1).sum(2)


def _normalised(layer: nn.GroupNorm | nn.LayerNorm, a: Tensor) -> Tensor:
    if isinstance(layer, nn.GroupNorm):
        return F.group_norm(a, layer.num_groups, eps=layer.eps)
    return F.layer_norm(a, layer.normalized_shape, eps=layer.eps)


BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Formula = Callable[[nn.Module, Sequence[Use]], Factor]
FACTORS: dict[type[nn.Module], dict[str, Formula]] = {
    nn.Linear: {"weight": _linear, "bias": _shift},
    nn.Conv2d: {"weight": _convolution, "bias": _shift},
    **{norm: {"weight": _batch_scale, "bias": _shift} for norm in BATCH_NORMS},
    **{norm: {"weight": _scale, "bias": _shift} for norm in (nn.GroupNorm, nn.LayerNorm)},
}


def has_formula(layer: nn.Module, name: str) -> bool:
    """Whether `FACTORS` has an exact formula for a layer's parameter, as the layer is set."""
    if type(layer) is nn.Conv2d and (layer.padding_mode != "zeros" or isinstance(layer.padding, str)):
        return False
    return name in FACTORS.get(type(layer), ())
