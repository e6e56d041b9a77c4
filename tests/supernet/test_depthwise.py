"""The depthwise convolution of the fast gradients against torch's own, values and first and second derivatives."""

import pytest
import torch
from torch.nn import functional as F

from supernet.depthwise import depthwise_conv2d, is_depthwise


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 2)], ids=str)
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [(3, 1, 1), (5, 1, 1), (7, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 2), (5, 1, 2), (5, 2, 2)],
)
def test_values_and_gradients_equal_torchs_convolution(kernel, stride, dilation, size, layout):
    generator = torch.Generator().manual_seed(kernel + 10 * stride + 100 * dilation)
    x = torch.randn(2, 3, *size, generator=generator).double().contiguous(memory_format=layout).requires_grad_()
    weight = torch.randn(3, 1, kernel, kernel, generator=generator).double().requires_grad_()
    results = []
    for convolve in (
        lambda: depthwise_conv2d(x, weight, stride, dilation),
        lambda: F.conv2d(x, weight, None, stride, dilation * (kernel // 2), dilation, 3),
    ):
        y = convolve()
        first = torch.autograd.grad(torch.tanh(y).sum(), (x, weight), create_graph=True)
        second = torch.autograd.grad(sum((g**2).sum() for g in first), (x, weight))
        results.append((y, *first, *second))
    for got, want in zip(*results):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_only_its_own_convolutions_are_taken():
    depthwise, same = torch.zeros(4, 1, 3, 3), {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    assert is_depthwise(depthwise, 4, **same)
    assert not is_depthwise(depthwise, 2, **same)
    assert not is_depthwise(torch.zeros(4, 2, 3, 3), 4, **same)
    assert not is_depthwise(torch.zeros(4, 1, 1, 3), 4, **same)
    assert not is_depthwise(torch.zeros(4, 1, 2, 2), 4, **same)
    for name, value in (("stride", (1, 2)), ("padding", (0, 0)), ("dilation", (1, 2))):
        assert not is_depthwise(depthwise, 4, **{**same, name: value})
