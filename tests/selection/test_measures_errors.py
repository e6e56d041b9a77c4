"""Measures and kernels that cannot be are one clear error."""

import math

import pytest
import torch
from test_measures_unusual import OURS, WEIGHTLESS, images, small
from torch import nn
from unusual_networks import Net, words

from selection import SelectionError, measure, ntk
from selection.measures.batch import first_images
from selection.registry import find_measure


@pytest.mark.parametrize("name", sorted(OURS - WEIGHTLESS))
def test_nan_is_one_clear_error(name):
    net, (x, y) = small(), images()
    assert math.isfinite(measure(name, net, x, y))
    with torch.no_grad():
        next(net.parameters())[0] = float("nan")
    with pytest.raises(SelectionError, match=r"NaN|not finite"):
        measure(name, net, x, y)


@pytest.mark.parametrize(
    "name",
    ["grad_norm", "snip", "gradsign", "zico", "jacob_cov", "synflow", "gradient_conflict", "ntk_min", "ntk_trace"],
)
def test_gradients_that_are_nan_are_one_clear_error(name):
    """Logits are numbers: the root's derivative at 0 is not."""
    net = Net(lambda s, x: s.b(s.a(x) + (s.a(x) * 0).sqrt()), a=nn.Linear(5, 4), b=nn.Linear(4, 3)).double()
    with pytest.raises(SelectionError, match="gradients are not finite"):
        measure(name, net, torch.rand(6, 5).double(), torch.arange(6) % 3)


@pytest.mark.parametrize(
    "name",
    ["ntk_min", "naswot", "grad_norm", "fisher", "jacob_cov", "gradsign", "zico", "linear_regions", "expressivity"],
)
@pytest.mark.parametrize("count", [0, -3, True, 2.0])
def test_a_number_of_images_below_one_is_refused(name, count):
    with pytest.raises(SelectionError, match="images is a number of at least 1"):
        measure(name, small(), *images(), images=count)


def test_images_that_are_too_few_or_of_the_wrong_kind_are_refused():
    net, (x, y) = small(), images()
    with pytest.raises(SelectionError, match="at least 2 of floating type, not 1"):
        measure("jacob_cov", net, x, y, images=1)
    with pytest.raises(SelectionError, match=r"at least 2 of floating type, not 6 of torch\.int64"):
        measure("jacob_cov", words(), torch.randint(0, 11, (6, 5)), torch.arange(6) % 4)
    for batches in ([], [(x[:0], y[:0])]):
        with pytest.raises(SelectionError, match="no images"):
            first_images(batches, 4)
    with pytest.raises(SelectionError, match="zico compares mini-batches"):
        find_measure("zico")(net, [])


@pytest.mark.parametrize("name", ["ntk_min", "ntk_trace", "synflow", "jacob_cov", "gradient_cosine", "grad_norm"])
def test_a_network_that_returns_a_tuple_is_refused(name):
    net, (x, y) = Net(lambda s, x: (s.a(x), x), a=nn.Linear(5, 3)).double(), images(6, 5)
    with pytest.raises(SelectionError, match="returns a tuple, not logits"):
        measure(name, net, x, y)


@pytest.mark.parametrize(
    ("run", "settings", "says"),
    [
        (lambda s, x: (s.a(x), x), {}, "returns a tuple, not logits"),
        (lambda s, x: s.a(x).sum(), {}, "a single number, not logits"),
        (lambda s, x: s.a(x).T, {}, r"output for 4 inputs is \[3, 4\]"),
        (lambda s, x: s.a(x) * float("nan"), {}, "logits are not numbers"),
        (lambda s, x: s.a(x) + float("nan"), {}, "logits are not numbers"),
        (lambda s, x: (s.a(x) * 0).sqrt(), {}, "gradients are not finite"),
        (lambda s, x: s.a(x), {"outputs": True}, "outputs is"),
        (lambda s, x: s.a(x), {"block": True}, "block is"),
        (lambda s, x: s.a(x), {"x2": torch.randn(4, 6)}, r"x2 holds inputs of shape \[6\], and x of \[5\]"),
        (lambda s, x: s.a(x), {"dtype": "int64"}, "dtype is a floating type"),
        (lambda s, x: s.a(x), {"dtype": "double precision"}, "dtype is a floating type"),
        (lambda s, x: changed_afterwards(s, x), {}, "the input of a Linear was changed in place"),
    ],
)
def test_a_kernel_that_cannot_be_is_one_clear_error(run, settings, says):
    net, x = Net(run, a=nn.Linear(5, 3)), torch.randn(4, 5)
    for batchnorm in ("running", "frozen"):
        with pytest.raises(SelectionError, match=says):
            ntk(net, x, batchnorm=batchnorm, **settings)


def changed_afterwards(net, x):
    logits = net.a(x)
    x.mul_(2)
    return logits
