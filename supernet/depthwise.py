"""Depthwise convolution whose gradients on the CPU are as fast as its forward pass.

oneDNN has a depthwise kernel for the gradient of a weight at most 3 columns wide and not dilated, and for the gradient
of an input not dilated; for the others it runs a dense convolution of 16 times the work. The gradients asked for here
are the same sums, put so that the fast kernels apply.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def depthwise_conv2d(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """x [B, C, H, W], weight [C, 1, k, k] with odd k, padding that keeps the size at stride 1 -> [B, C, H', W']."""
    if x.device.type == "cpu":
        return _Depthwise.apply(x, weight, stride, dilation)
    return _forward(x, weight, stride, dilation)


def is_depthwise(
    weight: Tensor, groups: int, stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> bool:
    """Returns whether `depthwise_conv2d` is this convolution: one input channel a group, a square odd kernel, padding
    that keeps the size."""
    height, width = weight.shape[2:]
    is_square = height == width and stride[0] == stride[1] and dilation[0] == dilation[1]
    is_depthwise = groups == len(weight) and weight.shape[1] == 1
    same = dilation[0] * (height // 2)
    return is_square and height % 2 == 1 and is_depthwise and padding == (same, same)


def _forward(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    return F.conv2d(x, weight, None, stride, dilation * (weight.shape[-1] // 2), dilation, len(weight))


class _Depthwise(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        return _forward(x, weight, stride, dilation)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        *tensors, ctx.stride, ctx.dilation = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = _input_gradient(gradient, x, weight, ctx.stride, ctx.dilation)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(gradient, x, weight, ctx.stride, ctx.dilation)
        return of_x, of_weight, None, None


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    if stride == 1:
        return _forward(gradient, weight.flip(2, 3), 1, dilation)
    padding = dilation * (weight.shape[-1] // 2)
    return _convolution_backward(gradient, x, weight, stride, (padding, padding), dilation, of_weight=False)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    if stride == 1 and dilation == 2:
        gradient, x, dilation = _interleaved(gradient), _interleaved(x), 1
    size = weight.shape[-1]
    padding = dilation * (size // 2)
    if size == 5 and dilation == 1:
        narrow = weight[..., :3]
        left = _convolution_backward(gradient, F.pad(x, (2, 0)), narrow, stride, (2, 0), 1, of_weight=True)
        right = _convolution_backward(gradient, F.pad(x, (0, 2)), narrow, stride, (2, 0), 1, of_weight=True)
        return torch.cat([left, right[..., 1:]], dim=3)
    return _convolution_backward(gradient, x, weight, stride, (padding, padding), dilation, of_weight=True)


def _interleaved(x: Tensor) -> Tensor:
    """Returns the four images of every other pixel, [4B, C, H/2, W/2]: on each of them dilation 2 is dilation 1."""
    height, width = x.shape[2:]
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2))
    x = x.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return x.permute(2, 4, 0, 1, 3, 5).flatten(0, 2).permute(0, 3, 1, 2)


def _convolution_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    padding: tuple[int, int],
    dilation: int,
    *,
    of_weight: bool,
) -> Tensor:
    of_x, of_weights, _ = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        bias_sizes=None,
        stride=[stride, stride],
        padding=padding,
        dilation=[dilation, dilation],
        transposed=False,
        output_padding=[0, 0],
        groups=len(weight),
        output_mask=[not of_weight, of_weight, False],
    )
    return of_weights if of_weight else of_x
