"""The infinite kernel against finite networks and against the recursion written out pair by pair, and its bounds."""

import numpy as np
import pytest
import torch
from infinite_oracles import Finite, kernel_by_hand, mixed, smallest, sphere

from selection import SelectionError, ntk, spectrum
from selection.numerics import infinite
from selection.numerics.infinite import Recursion, infinite_bounds, infinite_ntk


@pytest.mark.parametrize(
    ("activations", "skips", "variance", "normalise", "without_cross"),
    [
        (["relu", "tanh", "swish"], [True, True], 2.0, False, 0.10),
        (["leaky_relu"] * 3, [True, True], 2.0, False, 0.40),
        (["sigmoid", "swish", "relu"], [True, True], 1.0, False, 0.30),
        (["gelu", "relu", "leaky_relu", "relu"], [True, False, True], 2.0, True, 0.20),
        (["tanh", "sigmoid", "relu"], [False, False], 2.0, False, None),
        (["erf", "tanh", "erf"], [True, True], 2.0, True, None),  # odd: means are 0, and so is the cross term
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_finite_networks_come_near_it_and_not_without_the_cross_term(
    activations, skips, variance, normalise, without_cross
):
    torch.manual_seed(0)
    x = sphere(8, 10)
    nets = [Finite(10, activations, skips, variance, normalise, width=1024).double() for _ in range(10)]
    finite = sum(ntk(net, x) for net in nets) / len(nets)
    got = infinite_ntk(x, activations, skips, weight_variance=variance, normalise=normalise)
    assert (got - finite).norm() < 0.06 * finite.norm()
    missing = kernel_by_hand(x, activations, skips, variance, normalise, cross=False)
    if without_cross is None:
        assert (missing - got).norm() < 1e-10 * got.norm()
    else:
        assert (missing - finite).norm() > without_cross * finite.norm()


@pytest.mark.parametrize(("activations", "skips"), list(mixed(16)), ids=str)
def test_it_is_the_recursion_written_out(activations, skips):
    draw = torch.Generator().manual_seed(len(activations))
    x = torch.randn(4, 2, 3, dtype=torch.float64, generator=draw)  # of different lengths, and not flat
    for variance, normalise in ((2.0, False), (1.0, True)):
        want = kernel_by_hand(x, activations, skips, variance, normalise)
        assert (
            infinite_ntk(x, activations, skips, weight_variance=variance, normalise=normalise) - want
        ).norm() < 1e-10 * want.norm()


@pytest.mark.parametrize("normalise", [False, True])
def test_bounds_hold(normalise):
    """On 200 mixed architectures of up to 6 layers; within rounding where the eigenvalue itself is rounding noise."""
    x = sphere(20, 12, seed=1) * torch.linspace(0.3, 1.7, 20, dtype=torch.float64)[:, None]
    recursion = {v: Recursion(x, weight_variance=v, normalise=normalise) for v in (1.0, 2.0)}
    ratios = []
    for number, (activations, skips) in enumerate(mixed(200, range(1, 7), seed=2)):
        of = recursion[1.0 + number % 2]
        kernel, (lower, upper) = of.kernel(activations, skips), of.bounds(activations, skips)
        found = spectrum(kernel)
        assert torch.equal(kernel, kernel.T)
        assert smallest(kernel) > -found.floor
        assert lower <= found.min + found.floor
        assert found.min <= upper + found.floor
        assert upper <= float(kernel.diagonal().min())
        ratios.append(found.min / lower if lower > found.floor else 1.0)
    assert 1.5 < np.median(ratios) < 10  # they say something


def test_bounds_where_inputs_repeat_or_outnumber_dimensions():
    x = sphere(9, 3)
    lower, upper = infinite_bounds(x, ["tanh", "relu"], [True])
    assert 0 < lower <= smallest(infinite_ntk(x, ["tanh", "relu"], [True])) <= upper  # G_0 is singular, G_1 is not
    twice = torch.cat([x, x[:1]])
    lower, upper = infinite_bounds(twice, ["tanh", "relu"], [True])
    assert lower < 1e-12
    assert upper < 1e-12
    assert not spectrum(infinite_ntk(twice, ["tanh", "relu"], [True])).resolved


def test_a_scaled_output_scales_the_kernel_by_its_square():
    """An output that is c times as large has c^2 times the kernel, and the same smallest eigenvalue over the mean:
    through the inputs where all is linear in them, and through the variance of a layer of ReLUs."""
    x = sphere(10, 6)
    kernel = infinite_ntk(x, ["relu", "leaky_relu"], [True])
    scaled = infinite_ntk(3 * x, ["relu", "leaky_relu"], [True])
    assert torch.allclose(scaled, 9 * kernel, rtol=1e-12, atol=0)
    assert spectrum(scaled).min == pytest.approx(9 * spectrum(kernel).min, rel=1e-9)
    assert spectrum(scaled).min_relative == pytest.approx(spectrum(kernel).min_relative, rel=1e-9)
    assert torch.allclose(
        infinite_ntk(x, ["relu"], [], weight_variance=6.0),
        3 * infinite_ntk(x, ["relu"], [], weight_variance=2.0),
        rtol=1e-12,
        atol=0,
    )
    linear = x @ x.T / 6
    assert torch.allclose(
        infinite_ntk(x, ["identity"] * 3, [False] * 2, weight_variance=1.0), 4 * linear, rtol=1e-12, atol=1e-12
    )


def test_what_is_shared_changes_nothing(monkeypatch):
    """The kernel of an architecture is the same to the last bit alone, after many others, and where little is
    remembered."""
    x, architectures = sphere(12, 8), list(mixed(60, seed=3))
    shared = Recursion(x)
    kernels = [shared.kernel(*architecture) for architecture in architectures]
    steps = len(shared._layers)
    assert steps < sum(len(activations) for activations, _ in architectures)
    for architecture, kernel in zip(reversed(architectures), reversed(kernels)):
        assert torch.equal(shared.kernel(*architecture), kernel)
        assert torch.equal(infinite_ntk(x, *architecture), kernel)
    assert len(shared._layers) == steps
    monkeypatch.setattr(infinite, "MEMORY", 5 * 12 * 12 * 8 * 4)
    forgetful = Recursion(x)
    assert all(
        torch.equal(forgetful.kernel(*architecture), kernel) for architecture, kernel in zip(architectures, kernels)
    )
    assert len(forgetful._layers) <= 6
    assert len(forgetful._moments) <= 6


@pytest.mark.parametrize("normalise", [False, True])
def test_inputs_that_vanish_have_a_finite_kernel(normalise):
    nothing = infinite_ntk(torch.zeros(3, 4), ["relu", "tanh", "swish"], [True, True], normalise=normalise)
    assert not nothing.any()
    assert infinite_bounds(torch.zeros(3, 4), ["relu", "tanh"], [True], normalise=normalise) == (0, 0)
    x = torch.cat([sphere(3, 4), torch.zeros(1, 4)])
    assert infinite_ntk(x, ["relu", "sigmoid", "gelu"], [True, True], normalise=normalise).isfinite().all()


def test_inputs_and_architectures_that_make_no_kernel_are_refused():
    x = sphere(4, 3)
    for arguments, message in [
        ((x[:1], ["relu"], []), "at least 2 inputs, not 1"),
        ((x, ["relu", "tanh"], []), "2 hidden layers have 1 skips between them, not 0"),
        ((x, ["relu"], [True]), "1 hidden layers have 0 skips between them, not 1"),
        ((x, [], []), "at least one name"),
        ((x, "relu", []), "at least one name"),
        ((x, ["relu", "tanh"], [2]), "skips are True or False"),
        ((x, ["rleu"], []), "unknown activation .* 'rleu': did you mean 'relu'"),
        ((x, ["relu", "hardtanh"], [False]), "unknown activation"),
        ((x * float("nan"), ["relu"], []), "not finite"),
        ((x * 1e200, ["relu"], []), "not finite"),
    ]:
        for function in (infinite_ntk, infinite_bounds):
            with pytest.raises(SelectionError, match=message):
                function(*arguments)
    for variance in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SelectionError, match="weight_variance is a positive number"):
            infinite_ntk(x, ["relu"], [], weight_variance=variance)
