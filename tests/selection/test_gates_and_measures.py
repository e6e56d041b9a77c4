"""Measures of networks whose modules are switched off."""

import copy

import pytest
import torch
from test_measures_unusual import images
from torch import nn
from torch.nn import functional as F
from unusual_networks import Net

from selection import masked, measure
from selection.gates import silent
from selection.registry import find_measure
from selection.testing import USEFUL, Planted, Zero, textures
from supernet import Supernet, create_space


def without_gated(net, choice):
    """A copy in which the option is a module that returns zeros."""
    net = copy.deepcopy(net)
    net.edges[int(choice.split("/")[1])][USEFUL] = Zero()
    return net


@pytest.mark.parametrize(
    "name",
    [
        "flops",
        "fisher",
        "snip",
        "grad_norm",
        "grasp",
        "zico",
        "gradsign",
        "synflow",
        "parameters",
        "naswot",
        "jacob_cov",
    ],
)
def test_an_option_that_is_one_layer_can_be_switched_off(name):
    net, (x, y) = Planted(), textures()
    with masked(net, {"cell/0/op": [USEFUL]}):
        got = measure(name, net, x, y)
    assert got == pytest.approx(measure(name, without_gated(net, "cell/0/op"), x, y), rel=1e-5)


def test_parameters_count_neither_gates_nor_alphas():
    net = Supernet(create_space("tiny"), channels=4, layers=3, num_classes=5)
    x, y = images()
    alphas = sum(p.numel() for p in net.arch_parameters())
    everything = sum(p.numel() for p in net.parameters())
    assert measure("parameters", net, x, y) == everything - alphas
    choice, options = next(iter(net.choices().items()))
    for option, modules in options.items():
        with masked(net, {choice: [option]}):
            assert measure("parameters", net, x, y) == everything - alphas - sum(
                p.numel() for module in modules for p in module.parameters()
            )
    assert measure("parameters", Planted(), *textures()) == 2 * 9 + 4
    shared = nn.Linear(3, 3)
    two = nn.ModuleList([nn.Sequential(shared), shared, nn.Linear(3, 2)])
    two[0].forward = silent
    assert find_measure("parameters")(two) == 12 + 8, "what a module holds that runs counts"


def test_activations_that_are_switched_off_have_no_pattern():
    relu = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5))
    layers = {"first": relu[0], "act": relu[1], "other": nn.PReLU(), "last": relu[2]}
    both = Net(lambda s, x: s.last(s.act(s.first(x)) + s.other(F.pad(x, (0, 2)))), **layers)
    x, y = images(8, 4)
    both.other.forward = silent
    assert measure("naswot", both.double(), x, y) == measure("naswot", relu.double(), x, y)


def test_what_is_switched_off_answers_keywords():
    x = torch.ones(2, 3, dtype=torch.float64)
    for zero in (silent(x), silent(input=x), silent(x, None, scale=2), silent(scale=x), silent()):
        assert zero.shape == ()
        assert zero == 0
    assert silent(input=x).dtype == torch.float64
    layers = {"a": nn.Linear(5, 4), "n": nn.BatchNorm1d(4), "b": nn.Linear(4, 3)}
    net = Net(lambda s, x: s.b(s.a(x) + s.n(input=s.a(x))), **layers).double()
    net.n.forward = silent
    x, y = images(6, 5)
    assert measure("ntk_trace", net, x, y) == pytest.approx(measure("ntk_trace", nn.Sequential(net.a, net.b), x, y))
