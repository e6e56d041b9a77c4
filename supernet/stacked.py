"""Runs the same option of several edges as one: channels side by side, groups multiplied.

All edges that leave a state read the same tensor. Their options of one kind have the same layers, so E depthwise
convolutions of C channels are one of E*C, E BatchNorms one BatchNorm, and the mixing weight is the last BatchNorm's
scale: a fifth of the calls, the same maths. Where edges choose their activations, the state goes through every
activation once, and each edge mixes the results by a row of one matrix product. An option that somebody watches or
replaces (a hook, a shadowed `forward`, a layer not listed here) is called as the module it is.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .activations import is_weightless_activation
from .depthwise import depthwise_conv2d, is_depthwise

_STATELESS = {nn.Identity, nn.MaxPool2d, nn.AvgPool2d}


def _layers(option: nn.Module) -> list[nn.Module]:
    if type(option) is nn.Sequential:
        return list(option._modules.values())
    return [option]


def untouched(module: nn.Module) -> bool:
    """Returns whether nobody watches the module by a hook or has replaced its `forward`."""
    return not (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
    )


def _kind(layer: nn.Module) -> tuple | None:
    """Returns what two layers must share to run as one; None where a layer cannot."""
    if not untouched(layer):
        return None
    if type(layer) is nn.Conv2d:
        if layer.bias is not None or layer.padding_mode != "zeros":
            return None
        return nn.Conv2d, layer.weight.shape, layer.stride, layer.padding, layer.dilation, layer.groups
    if type(layer) is nn.BatchNorm2d:
        # a cumulative average (momentum None) depends on how many batches the layer has seen
        batches = None
        if layer.momentum is None and layer.track_running_stats:
            batches = int(cast(Tensor, layer.num_batches_tracked))
        return (
            nn.BatchNorm2d,
            layer.num_features,
            layer.affine,
            layer.training,
            layer.track_running_stats,
            layer.momentum,
            batches,
            layer.eps,
        )
    if type(layer) in _STATELESS or is_weightless_activation(layer):
        settings = [getattr(layer, name) for name in getattr(layer, "__constants__", ())]
        return type(layer), *settings
    return None


def signature(option: nn.Module) -> tuple | None:
    """Returns what options must share to run side by side; None where the option must be called as a module."""
    if type(option) is nn.Sequential and not untouched(option):
        return None
    kinds = tuple(map(_kind, _layers(option)))
    return None if None in kinds else kinds


def run_stacked(options: Sequence[nn.Module], x: Tensor, scale: Tensor, shared: bool = True) -> Tensor:
    """Returns the outputs of E options of equal signature, each times its weight, side by side.

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
        edges: their numbers.
        mixed: their mixed activations.
        x: the state [B, C, H, W].
        weights: [edges, activations].
    """

    def __init__(self, edges: Sequence[int], mixed: Sequence[nn.Module], x: Tensor, weights: Tensor):
        self.edges = tuple(edges)
        self.wide = _activate(mixed, x, weights)

    def of(self, edges: tuple[int, ...]) -> Tensor:
        """Returns what the convolutions of those edges read, side by side [B, E*C, H, W]."""
        if edges == self.edges:
            return self.wide
        parts = dict(zip(self.edges, self.wide.chunk(len(self.edges), dim=1)))
        if len(edges) == 1:
            return parts[edges[0]]
        return torch.cat([parts[edge] for edge in edges], dim=1)


def _activate(mixed: Sequence[Any], x: Tensor, weights: Tensor) -> Tensor:
    kinds = [_kinds(activation) for activation in mixed]
    if None in kinds[0] or len(set(kinds)) > 1:
        return torch.cat([activation(x, row) for activation, row in zip(mixed, weights)], dim=1)
    maps = torch.stack([option(x).movedim(1, -1) for option in mixed[0].options])  # [activations, B, H, W, C]
    return torch.tensordot(weights, maps, 1).permute(1, 2, 3, 0, 4).flatten(3).movedim(-1, 1)


def _kinds(activation: Any) -> tuple[tuple | None, ...]:
    """Returns the kind of every option of a mixed activation; None is one that must be called as a module."""
    if not untouched(activation):
        return (None,)
    return tuple(_kind(option) for option in activation.options)


def _spread(x: Tensor, count: int, shared: bool) -> Tensor:
    if shared and count > 1:
        return torch.cat([x] * count, dim=1)  # cat keeps channels_last, repeat does not
    return x


def _run_layers(layers: Sequence[Any], x: Tensor, shared: bool) -> tuple[Tensor, bool]:
    """Returns the outputs of layers of one kind, and whether all layers still share them."""
    first = layers[0]
    if type(first) is nn.Conv2d:
        return _convolve(layers, x, shared), False
    if type(first) is nn.BatchNorm2d:
        return _batch_norm(layers, _spread(x, len(layers), shared)), False
    return first(x), shared


def _convolve(layers: Sequence[nn.Conv2d], x: Tensor, shared: bool) -> Tensor:
    first = layers[0]
    count = len(layers)
    is_dense = shared and first.groups == 1
    stride = first.stride
    padding: tuple[int, ...] | Any = first.padding
    dilation = first.dilation
    if stride == dilation == (2, 2) and not any(size % 2 for size in padding):
        # reads every other pixel only: the same sum as a plain convolution of those, whose backward is ten times as
        # fast
        x = x[:, :, ::2, ::2]
        stride = dilation = (1, 1)
        padding = tuple(size // 2 for size in padding)
    if not is_dense:
        x = _spread(x, count, shared)
    weight = torch.cat([layer.weight for layer in layers]) if count > 1 else first.weight
    if is_depthwise(weight, first.groups * count, stride, padding, dilation):
        return depthwise_conv2d(x, weight, stride[0], dilation[0])
    groups = 1 if is_dense else first.groups * count
    return F.conv2d(x, weight, None, stride, padding, dilation, groups)


def _batch_norm(layers: Sequence[Any], x: Tensor, scale: Tensor | None = None) -> Tensor:
    first = layers[0]
    weight = bias = None
    mean: Tensor | Any = None
    var: Tensor | Any = None
    if first.affine:
        weight = torch.cat([layer.weight for layer in layers])
        bias = torch.cat([layer.bias for layer in layers])
    if scale is not None:
        weight = scale.repeat_interleave(first.num_features)
    is_tracked = first.running_mean is not None and (first.track_running_stats or not first.training)
    if is_tracked:
        mean = torch.cat([layer.running_mean for layer in layers])
        var = torch.cat([layer.running_var for layer in layers])
    if not (is_tracked and first.training):
        return F.batch_norm(x, mean, var, weight, bias, first.training or not is_tracked, 0.0, first.eps)
    counts = [layer.num_batches_tracked for layer in layers]
    # torch's stubs leave the foreach functions out
    torch._foreach_add_(counts, 1)  # pyright: ignore[reportPrivateImportUsage]
    momentum = 1 / float(first.num_batches_tracked) if first.momentum is None else first.momentum
    x = F.batch_norm(x, mean, var, weight, bias, True, momentum, first.eps)
    means = [layer.running_mean for layer in layers]
    variances = [layer.running_var for layer in layers]
    torch._foreach_copy_(means, mean.split(first.num_features))  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_copy_(variances, var.split(first.num_features))  # pyright: ignore[reportPrivateImportUsage]
    return x
