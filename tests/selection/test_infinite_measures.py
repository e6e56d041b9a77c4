"""Measures of the kernel at infinite width."""

import pytest
import torch
from infinite_oracles import PAPER, sphere
from torch import nn

import selection.measures.infinite as infinite_measures
from selection import SelectionError, measure, spectrum
from selection.numerics.infinite import infinite_ntk


class Layered(nn.Module):
    """A network that tells what its kernel is made of."""

    def __init__(self, activations=("relu", "tanh"), skips=(True,), variance=2.0):
        super().__init__()
        self.layers = {"activations": list(activations), "skips": list(skips), "weight_variance": variance}

    def forward(self, x):
        return x[:, :2]

    def layers_of_kernel(self):
        return self.layers


def test_measures_are_of_the_first_images():
    x, y = sphere(40, 6).float(), torch.arange(40) % 2
    for settings, count, normalise in (({}, 32, False), ({"images": 9}, 9, False), ({"normalise": True}, 32, True)):
        want = spectrum(infinite_ntk(x[:count].double(), ["relu", "tanh"], [True], normalise=normalise))
        assert measure("ntk_infinite_min", Layered(), x, y, **settings) == want.min
        assert measure("ntk_infinite_min_relative", Layered(), x, y, **settings) == want.min_relative


def test_measures_of_candidates_share_what_they_have_in_common():
    infinite_measures._recursion.cache_clear()
    x, y = sphere(10, 6), torch.arange(10) % 2
    for last in PAPER:
        for name in ("ntk_infinite_min", "ntk_infinite_min_relative"):
            measure(name, Layered(["relu", "tanh", last], [True, False]), x.clone(), y)
    assert infinite_measures._recursion.cache_info().misses == 1
    before = measure("ntk_infinite_min", Layered(), x, y)
    assert (
        measure("ntk_infinite_min", Layered(), 2 * x, y)
        != before
        != measure("ntk_infinite_min", Layered(variance=1.0), x, y)
    )
    assert measure("ntk_infinite_min", Layered(), x, y) == before


def test_a_network_of_another_space_is_refused():
    x, y = torch.randn(4, 3), torch.arange(4) % 2
    for name in ("ntk_infinite_min", "ntk_infinite_min_relative"):
        with pytest.raises(SelectionError, match=r"space 'mlp' only: Linear has no layers_of_kernel\(\)"):
            measure(name, nn.Linear(3, 2), x, y)
