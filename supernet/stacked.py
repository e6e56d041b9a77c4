"""Runs the same option of several edges as one: channels side by side, groups multiplied.

All edges that leave a state read the same tensor. Their options of one kind have the same layers, so E depthwise
convolutions of C channels are one of E*C, E BatchNorms one BatchNorm, and the mixing weight is the last BatchNorm's
scale: a fifth of the calls, the same maths. Where edges choose their activations, the state goes through every
activation once, and each edge mixes the results by a row of one matrix product. An option that somebody watches or
replaces (a hook, a shadowed `forward`, a layer not listed here) is called as the module it is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .activations import build_activation, list_activations
from .depthwise import depthwise_conv2d, is_depthwise

_ACTIVATIONS = [build_activation(name) for name in list_activations()]
_STATELESS = {
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    *(type(activation) for activation in _ACTIVATIONS if not list(activation.parameters())),
}


def _layers(option: nn.Module) -> list[nn.Module]:
    return list(option._modules.values()) if type(option) is nn.Sequential else [option]


def untouched(module: nn.Module) -> bool:
    """Nobody watches the module by a hook or has replaced its `forward`."""
    return not (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
    )


def _kind(layer: nn.Module) -> tuple | None:
    """What two layers must share to run as one; None where a layer cannot."""
    if not untouched(layer):
        return None
    if type(layer) is nn.Conv2d:
        if layer.bias is not None or layer.padding_mode != "zeros":
            return None
        return nn.Conv2d, layer.weight.shape, layer.stride, layer.padding, layer.dilation, layer.groups
    if type(layer) is nn.BatchNorm2d:
        # a cumulative average (momentum None) depends on how many batches the layer has seen
        seen = int(layer.num_batches_tracked) if layer.momentum is None and layer.track_running_stats else None
        return (
            nn.BatchNorm2d,
            layer.num_features,
            layer.affine,
            layer.training,
            layer.track_running_stats,
            layer.momentum,
            seen,
            layer.eps,
        )
    return (
        (type(layer), *(getattr(layer, name) for name in getattr(layer, "__constants__", ())))
        if type(layer) in _STATELESS
        else None
    )


def signature(option: nn.Module) -> tuple | None:
    """Equal signatures: the options can run side by side. None: the option must be called as a module."""
    if type(option) is nn.Sequential and not untouched(option):
        return None
    kinds = tuple(map(_kind, _layers(option)))
    return None if None in kinds else kinds


def run_stacked(options: Sequence[nn.Module], x: Tensor, scale: Tensor, shared: bool = True) -> Tensor:
    """The outputs of E options of equal signature, each times its weight, side by side.

    Args:
        options: E modules.
        x: input [B, C, H, W], read by all; or, where it is not shared, [B, E*C, H, W], a part for each.
        scale: mixing weights [E].

    Returns:
        [B, E*C', H', W']: channels e*C' to (e+1)*C' hold scale[e] * options[e](x).
    """
    count = len(options)
    *body, last = zip(*map(_layers, options))
    for layers in body:
        x, shared = _run_layers(layers, x, shared)
    if type(last[0]) is nn.BatchNorm2d and not last[0].affine:
        return _batch_norm(last, _spread(x, count, shared), scale)
    x, shared = _run_layers(last, x, shared)
    x = _spread(x, count, shared)
    return x * scale.repeat_interleave(x.shape[1] // count).view(1, -1, 1, 1)


class Activated:
    """A state through the mixed activations of the edges that read it.

    Args:
        rows: the edges. sites: their mixed activations. weights: [edges, activations].
        x: the state [B, C, H, W].
    """

    def __init__(self, rows: Sequence[int], sites: Sequence[nn.Module], x: Tensor, weights: Tensor):
        self.rows, self.wide = tuple(rows), _activate(sites, x, weights)

    def of(self, rows: tuple[int, ...]) -> Tensor:
        """What those edges' convolutions read, side by side [B, E*C, H, W]."""
        if rows == self.rows:
            return self.wide
        parts = dict(zip(self.rows, self.wide.chunk(len(self.rows), dim=1)))
        return torch.cat([parts[row] for row in rows], dim=1) if len(rows) > 1 else parts[rows[0]]


def _activate(sites: Sequence[nn.Module], x: Tensor, weights: Tensor) -> Tensor:
    kinds = [tuple(map(_kind, site.options)) if untouched(site) else (None,) for site in sites]
    if None in kinds[0] or len(set(kinds)) > 1:
        return torch.cat([site(x, row) for site, row in zip(sites, weights)], dim=1)
    maps = torch.stack([option(x).movedim(1, -1) for option in sites[0].options])  # [activations, B, H, W, C]
    return torch.tensordot(weights, maps, 1).permute(1, 2, 3, 0, 4).flatten(3).movedim(-1, 1)


def _spread(x: Tensor, count: int, shared: bool) -> Tensor:
    return torch.cat([x] * count, dim=1) if shared and count > 1 else x  # cat keeps channels_last, repeat does not


def _run_layers(layers: Sequence[nn.Module], x: Tensor, shared: bool) -> tuple[Tensor, bool]:
    first, count = layers[0], len(layers)
    if type(first) is nn.Conv2d:
        dense = shared and first.groups == 1
        stride, padding, dilation = first.stride, first.padding, first.dilation
        if stride == dilation == (2, 2) and not any(size % 2 for size in padding):
            # reads every other pixel only: the same sum as a plain convolution of those, whose backward is ten times as
            # fast
            x, stride, padding, dilation = x[:, :, ::2, ::2], (1, 1), tuple(size // 2 for size in padding), (1, 1)
        x = x if dense else _spread(x, count, shared)
        weight = torch.cat([layer.weight for layer in layers]) if count > 1 else first.weight
        if is_depthwise(weight, first.groups * count, stride, padding, dilation):
            return depthwise_conv2d(x, weight, stride[0], dilation[0]), False
        return F.conv2d(x, weight, None, stride, padding, dilation, 1 if dense else first.groups * count), False
    if type(first) is nn.BatchNorm2d:
        return _batch_norm(layers, _spread(x, count, shared)), False
    return first(x), shared


def _batch_norm(layers: Sequence[nn.BatchNorm2d], x: Tensor, scale: Tensor | None = None) -> Tensor:
    first = layers[0]
    weight = bias = mean = var = None
    if first.affine:
        weight, bias = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
    if scale is not None:
        weight = scale.repeat_interleave(first.num_features)
    tracked = first.running_mean is not None and (first.track_running_stats or not first.training)
    if tracked:
        mean, var = (
            torch.cat([layer.running_mean for layer in layers]),
            torch.cat([layer.running_var for layer in layers]),
        )
    if not (tracked and first.training):
        return F.batch_norm(x, mean, var, weight, bias, first.training or not tracked, 0.0, first.eps)
    torch._foreach_add_([layer.num_batches_tracked for layer in layers], 1)
    momentum = 1 / float(first.num_batches_tracked) if first.momentum is None else first.momentum
    x = F.batch_norm(x, mean, var, weight, bias, True, momentum, first.eps)
    torch._foreach_copy_([layer.running_mean for layer in layers], list(mean.split(first.num_features)))
    torch._foreach_copy_([layer.running_var for layer in layers], list(var.split(first.num_features)))
    return x
