"""A kernel from blocks of inputs is the kernel."""

import pytest
import torch
from kernel_oracles import case, close, kernel_by_hand
from torch import nn

from selection import SelectionError, ntk
from selection.kernels import loss_gram
from selection.numerics.factors import Ghost, product, square

BLOCKS = (1, 3, 5, 8)  # of 5 inputs: single ones, some that do not divide it, all, more than all
LABELS = torch.arange(5)


def statistics_of(net, x):
    """The net with x's own statistics as its running ones: what "frozen" means."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.register_forward_pre_hook(lambda norm, inputs: moments(norm, inputs[0]))
    with torch.no_grad():
        net.eval()(x)
    for module in net.modules():
        module._forward_pre_hooks.clear()
    return net


def moments(norm, a):
    axes = [axis for axis in range(a.dim()) if axis != 1]
    norm.running_mean.copy_(a.mean(axes))
    norm.running_var.copy_(a.var(axes, correction=0))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", ["mlp", "tokens", "groups", "twice", "strays", "unused", "batch_norm", "nasbench201"])
def test_blocks_make_the_same_kernel(name, block):
    net, x = case(name, count=5)
    for batchnorm in ("frozen", "running"):
        whole = ntk(net, x, batchnorm=batchnorm)
        got = ntk(net, x, batchnorm=batchnorm, block=block)
        assert close(got, whole)
        assert torch.equal(got, got.T) or close(got, got.T)


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("name", ["mlp", "strays", "batch_norm", "nasbench201"])
def test_blocks_of_every_cotangent(name):
    net, x = case(name, count=5)
    for outputs in ("trace", "full", 3):
        assert close(ntk(net, x, outputs=outputs, block=2), ntk(net, x, outputs=outputs))
    assert close(loss_gram(net, x, LABELS, block=2), loss_gram(net, x, LABELS))


@pytest.mark.filterwarnings("ignore:ntk")
@pytest.mark.parametrize("outputs", ["sum", "trace", "full"])
@pytest.mark.parametrize("name", ["mlp", "strays", "batch_norm"])
def test_blocks_of_a_cross_kernel(name, outputs):
    net, x = case(name, count=5)
    for batchnorm in ("frozen", "running"):
        whole = ntk(net, x[:3], x[1:], outputs=outputs, batchnorm=batchnorm)
        assert close(ntk(net, x[:3], x[1:], outputs=outputs, batchnorm=batchnorm, block=2), whole)


@pytest.mark.parametrize("name", ["batch_norm", "nasbench201"])
def test_frozen_statistics_are_those_of_the_whole_batch(name):
    net, x = case(name, count=5)
    got = [ntk(net, x), ntk(net, x, block=2), ntk(net, x, x)]
    want = ntk(statistics_of(net, x), x, batchnorm="running")
    assert all(close(kernel, want) for kernel in got)


def test_many_positions_in_blocks():
    net, x = case("dense", count=5, size=20)
    assert close(ntk(net, x, block=2), ntk(net, x))


def test_large_squares_are_halved_to_the_same_kernel():
    net, x = case("mlp", count=151)
    assert close(ntk(net, x), kernel_by_hand(net, x))
    for factor in (
        torch.randn(300, 4).double(),
        Ghost(torch.randn(41, 2, 7, 5).double(), torch.randn(41, 2, 7, 3).double()),
    ):
        assert close(square(factor), product(factor, factor))


def test_blocks_that_cannot_be_are_refused():
    net, x = case("batch_norm")
    for block in (0, -1, 2.0):
        with pytest.raises(SelectionError, match="block is"):
            ntk(net, x, block=block)
    with pytest.raises(SelectionError, match="blocks and cross kernels need samples that do not depend on each other"):
        ntk(net, x, block=2, batchnorm="coupled")
    net[1] = nn.BatchNorm2d(4, track_running_stats=False).double()
    with pytest.raises(SelectionError, match="1 keeps no running statistics: batchnorm='frozen' or 'coupled'"):
        ntk(net, x, batchnorm="running")


@pytest.mark.parametrize("settings", [{}, {"outputs": "trace"}, {"block": 2}])
def test_the_batchs_statistics_are_frozen_where_no_running_ones_are_kept(settings):
    def net(track):
        torch.manual_seed(0)
        norms = nn.BatchNorm2d(4, track_running_stats=track), nn.BatchNorm2d(4, affine=False, track_running_stats=track)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), norms[0], nn.ReLU(), nn.Conv2d(4, 4, 3), norms[1], nn.Flatten(), nn.Linear(64, 2)
        ).double()

    x, lacking = torch.randn(6, 3, 8, 8).double(), net(False)
    assert close(ntk(lacking, x, **settings), ntk(net(True), x, **settings))
    assert lacking[1].running_mean is None
    assert lacking[4].running_mean is None
