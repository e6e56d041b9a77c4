"""The candidate operations: option name -> module.

Every option is an `nn.Sequential` of plain layers where it can be, so that the options which read the same state can be
run side by side (see `stacked`). Facts about the layers follow quark0/darts (Liu et al. 2019) and NAS-Bench-201 (Dong &
Yang 2020).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .activations import build_activation
from .errors import SpaceError, unknown


class Zero(nn.Module):
    """`none`: an edge that carries nothing.

    Args:
        channels: of the output; None has the input's.
    """

    def __init__(self, stride: int, channels: int | None = None):
        super().__init__()
        self.stride = stride
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        zeros = torch.zeros_like(x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride])
        if self.channels in (None, x.shape[1]):
            return zeros
        return zeros[:, :1].expand(-1, self.channels, -1, -1)


class Noise(nn.Module):
    """`noise` of space S4 (Zela et al. 2020): standard normal values of the output's shape, drawn anew from the global
    generator, whatever x is."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return torch.randn_like(x[:, :, :: self.stride, :: self.stride])


class FactorizedReduce(nn.Module):
    """Halves the resolution: ReLU, two 1x1 convolutions of stride 2, one of them shifted by a pixel, side by side,
    BatchNorm. Needs an even `out_channels`."""

    def __init__(self, in_channels: int, out_channels: int, affine: bool = True):
        super().__init__()
        if out_channels % 2:
            raise SpaceError(
                f"a skip connection of stride 2 needs an even number of channels, not {out_channels}: choose even "
                f"--channels"
            )
        self.act = nn.ReLU()
        # of stride 1, on every other pixel: the same, and where a CPU has AVX2 only, torch 2.14's backward of few
        # channels_last channels at stride 2 writes past its memory
        self.conv_1 = nn.Conv2d(in_channels, out_channels // 2, 1, bias=False)
        self.conv_2 = nn.Conv2d(in_channels, out_channels // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(x)
        height, width = x.shape[2:]
        x = nn.functional.pad(x, (0, width % 2, 0, height % 2))  # odd sizes: the shifted half reads one row of zeros
        halves = [self.conv_1(x[:, :, ::2, ::2]), self.conv_2(x[:, :, 1::2, 1::2])]
        return self.bn(torch.cat(halves, dim=1))


def relu_conv_bn(
    in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, affine: bool = True
) -> nn.Sequential:
    """Builds ReLU, dense convolution, BatchNorm."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(out_channels, affine=affine))


def _separable(channels: int, kernel: int, stride: int, dilation: int, affine: bool) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(
        channels, channels, kernel, stride=stride, padding=padding, dilation=dilation, groups=channels, bias=False
    )
    pointwise = nn.Conv2d(channels, channels, 1, bias=False)
    return [nn.ReLU(), depthwise, pointwise, nn.BatchNorm2d(channels, affine=affine)]


def build_sep_conv(channels: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    """Builds two depthwise-separable convolutions; the first has the stride."""
    first = _separable(channels, kernel, stride, 1, affine)
    second = _separable(channels, kernel, 1, 1, affine)
    return nn.Sequential(*first, *second)


def build_dil_conv(channels: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    """Builds one depthwise-separable convolution of dilation 2."""
    return nn.Sequential(*_separable(channels, kernel, stride, 2, affine))


def build_conv_7x1_1x7(channels: int, stride: int, affine: bool) -> nn.Sequential:
    """Builds a 1x7 and a 7x1 convolution (in AmoebaNet's cells)."""
    wide = nn.Conv2d(channels, channels, (1, 7), stride=(1, stride), padding=(0, 3), bias=False)
    tall = nn.Conv2d(channels, channels, (7, 1), stride=(stride, 1), padding=(3, 0), bias=False)
    return nn.Sequential(nn.ReLU(), wide, tall, nn.BatchNorm2d(channels, affine=affine))


def _pool(layer: nn.Module, channels: int, norm: bool) -> nn.Module:
    return nn.Sequential(layer, nn.BatchNorm2d(channels, affine=False)) if norm else layer


Builder = Callable[[int, int, bool, bool], nn.Module]

OPERATIONS: dict[str, Builder] = {
    "none": lambda c, stride, affine, norm: Zero(stride),
    "noise": lambda c, stride, affine, norm: Noise(stride),
    "skip_connect": lambda c, stride, affine, norm: nn.Identity() if stride == 1 else FactorizedReduce(c, c, affine),
    "max_pool_3x3": lambda c, stride, affine, norm: _pool(nn.MaxPool2d(3, stride, 1), c, norm),
    "avg_pool_3x3": lambda c, stride, affine, norm: _pool(nn.AvgPool2d(3, stride, 1, count_include_pad=False), c, norm),
    "sep_conv_3x3": lambda c, stride, affine, norm: build_sep_conv(c, 3, stride, affine),
    "sep_conv_5x5": lambda c, stride, affine, norm: build_sep_conv(c, 5, stride, affine),
    "sep_conv_7x7": lambda c, stride, affine, norm: build_sep_conv(c, 7, stride, affine),
    "dil_conv_3x3": lambda c, stride, affine, norm: build_dil_conv(c, 3, stride, affine),
    "dil_conv_5x5": lambda c, stride, affine, norm: build_dil_conv(c, 5, stride, affine),
    "conv_7x1_1x7": lambda c, stride, affine, norm: build_conv_7x1_1x7(c, stride, affine),
    "nor_conv_1x1": lambda c, stride, affine, norm: relu_conv_bn(c, c, 1, stride, affine),
    "nor_conv_3x3": lambda c, stride, affine, norm: relu_conv_bn(c, c, 3, stride, affine),
}

WIDENING: dict[str, Callable[[int, int, int, bool], nn.Module]] = {
    "none": lambda c, wide, stride, affine: Zero(stride, wide),
    "skip_connect": lambda c, wide, stride, affine: FactorizedReduce(c, wide, affine),
    "nor_conv_1x1": lambda c, wide, stride, affine: relu_conv_bn(c, wide, 1, stride, affine),
    "nor_conv_3x3": lambda c, wide, stride, affine: relu_conv_bn(c, wide, 3, stride, affine),
}
"""The operations that can change the number of channels."""

CONVOLUTIONS = tuple(name for name in OPERATIONS if "conv" in name)
"""The operations that read their input through an activation; it stands first in their `nn.Sequential`."""


def build_operation(
    name: str,
    channels: int,
    stride: int = 1,
    *,
    affine: bool = True,
    pool_norm: bool = False,
    activation: str | None = "relu",
    in_channels: int | None = None,
) -> nn.Module:
    """Builds one option.

    Args:
        name: a key of `OPERATIONS`.
        channels: of input and output.
        in_channels: of the input, where it has others.
        stride: 1 or 2.
        affine: whether the BatchNorms learn scale and shift (a supernet's do not).
        pool_norm: whether a pooling is followed by a BatchNorm (in a DARTS supernet, so that its scale is comparable
            with the convolutions').
        activation: through which a convolution reads its input; None where the edge applies it. (The one in the middle
            of a separable convolution is ReLU.)

    Raises:
        SpaceError: the name is unknown, or the operation cannot change the number of channels.

    >>> [type(layer).__name__ for layer in build_operation("dil_conv_3x3", 8)]
    ['ReLU', 'Conv2d', 'Conv2d', 'BatchNorm2d']
    """
    if name not in OPERATIONS:
        raise unknown("operation", name, OPERATIONS)
    operation: Any
    if in_channels in (None, channels):
        operation = OPERATIONS[name](channels, stride, affine, pool_norm)
    elif name in WIDENING:
        operation = WIDENING[name](in_channels, channels, stride, affine)
    else:
        raise SpaceError(f"{name} cannot turn {in_channels} channels into {channels}: take {', '.join(WIDENING)}")
    if name in CONVOLUTIONS and activation != "relu":
        operation[0] = nn.Identity() if activation is None else build_activation(activation)
    return operation


def build_added_skip(channels: int, stride: int, affine: bool = True, in_channels: int | None = None) -> nn.Module:
    """Builds what an added skip carries: the input itself, or at stride 2 its projection.

    The projection to half the resolution is average pooling, 1x1 convolution and BatchNorm.
    """
    if stride == 1:
        return nn.Identity()
    pool = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(
        pool, nn.Conv2d(in_channels or channels, channels, 1, bias=False), nn.BatchNorm2d(channels, affine=affine)
    )
