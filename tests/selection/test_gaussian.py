"""Gaussian moments against integrals over a fine grid of the plane, and for kinked activations over the angle."""

import math
from itertools import pairwise

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad
from torch.nn import functional as F

from selection import SelectionError
from selection.numerics.gaussian import gaussian_moments, list_infinite_activations

SMOOTH = {
    "erf": torch.erf,
    "gelu": F.gelu,
    "identity": lambda u: 1 * u,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sin": torch.sin,
    "softplus": lambda u: F.softplus(u, threshold=500),
    "swish": F.silu,
    "tanh": torch.tanh,
}
KINKED = {"relu": F.relu, "leaky_relu": F.leaky_relu}
PAIRS = [
    (0.05, 0.05, 0.3),
    (0.5, 1.0, 0.95),
    (1.0, 1.0, 0.0),
    (1.0, 1.0, 0.999),
    (2.0, 2.8, -0.9),
    (4.0, 1.0, 0.7),
    (6.0, 4.0, 0.95),
]  # d, d', correlation


def derivative(s, u):
    u = u.clone().requires_grad_()
    return torch.autograd.grad(s(u).sum(), u)[0]


def plane(d, e, rho):
    """Points u, v and weights of the trapezoidal rule for E f(u) g(v); it converges as fast as the nearest pole allows,
    here to rounding."""
    step = 1 / (4 * max(1, d, e))
    grid = torch.arange(-math.ceil(10 / step), math.ceil(10 / step) + 1, dtype=torch.float64) * step
    density = (-(grid**2) / 2).exp() * step / math.sqrt(2 * math.pi)
    return d * grid[:, None], e * (rho * grid[:, None] + math.sqrt(1 - rho**2) * grid), density[:, None] * density


def on_the_plane(f, d, e, rho):
    u, v, weights = plane(d, e, rho)
    return float((weights * f(u) * f(v)).sum())


def covariance(d, e, rho):
    return torch.tensor([[d * d, rho * d * e], [rho * d * e, e * e]], dtype=torch.float64)


def test_every_activation_is_tested():
    assert sorted([*SMOOTH, *KINKED]) == list_infinite_activations()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations_against_a_fine_grid(name, pair):
    d, e, rho = pair
    s, slope = SMOOTH[name], lambda u: derivative(SMOOTH[name], u)
    got = gaussian_moments(name, covariance(d, e, rho))
    for f, moments in ((s, got.products), (slope, got.slopes)):
        want = torch.tensor(
            [[on_the_plane(f, d, d, 1.0), on_the_plane(f, d, e, rho)], [0, on_the_plane(f, e, e, 1.0)]],
            dtype=torch.float64,
        )
        scale = (moments.diagonal()[:, None] * moments.diagonal()).sqrt()
        assert ((moments.triu() - want) / scale).abs().max() < 1e-12
        assert (moments - moments.T).abs().max() < 1e-14 * moments.abs().max()
    u, _, weights = plane(d, e, rho)
    assert float(got.mean[0]) == pytest.approx(float((weights * s(u)).sum()), abs=1e-13)


@pytest.mark.parametrize("pair", [*PAIRS, (1.0, 1.0, 0.9999999), (3.0, 0.1, -1.0)], ids=str)
@pytest.mark.parametrize("name", KINKED)
def test_kinked_activations_against_integrals_over_the_angle(name, pair):
    """u = d r cos(t), v = d' r cos(t - p): the integral over r is known, and between the kinks the one over t is of
    smooth functions."""
    d, e, rho = pair
    s, p = KINKED[name], math.acos(rho)
    value = lambda t: float(s(torch.tensor(math.cos(t), dtype=torch.float64)))  # noqa: E731
    slope = lambda t: float(derivative(s, torch.tensor(math.cos(t), dtype=torch.float64)))  # noqa: E731
    kinks = sorted({t % (2 * math.pi) for t in (math.pi / 2, 3 * math.pi / 2, p + math.pi / 2, p + 3 * math.pi / 2)})
    ends = [0.0, *kinks, 2 * math.pi]
    whole = lambda f: sum(quad(lambda t: f(t) * f(t - p), a, b, epsabs=1e-13)[0] for a, b in pairwise(ends))  # noqa: E731
    got = gaussian_moments(name, covariance(d, e, rho))
    assert float(got.products[0, 1]) == pytest.approx(d * e / math.pi * whole(value), abs=1e-12 * d * e)
    assert float(got.slopes[0, 1]) == pytest.approx(whole(slope) / (2 * math.pi), abs=1e-9)
    mean = (value(0.0) + value(math.pi)) / math.sqrt(2 * math.pi)  # E |u| / 2 = 1 / sqrt(2 pi) on either side
    assert float(got.mean[0]) == pytest.approx(d * mean, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "square", "slope", "mean"),
    [
        ("relu", 0.5000, 0.5000, 0.3989),
        ("leaky_relu", 0.5000, 0.5000, 0.3950),
        ("swish", 0.3558, 0.3795, 0.2066),
        ("tanh", 0.3943, 0.4644, 0.0),
        ("sigmoid", 0.2934, 0.0448, 0.5),
    ],
)
def test_the_activations_of_the_paper_at_unit_variance(name, square, slope, mean):
    got = gaussian_moments(name, torch.eye(2, dtype=torch.float64))
    assert [float(got.products[0, 0]), float(got.slopes[0, 0]), float(got.mean[0])] == pytest.approx(
        [square, slope, mean], abs=6e-5
    )


@pytest.mark.parametrize("name", list_infinite_activations())
def test_moments_are_those_of_a_random_vector(name):
    """Symmetric, positive semidefinite, with a variance that is not negative."""
    generator = torch.Generator().manual_seed(0)
    rows = (
        torch.randn(20, 7, dtype=torch.float64, generator=generator)
        * torch.rand(20, 1, dtype=torch.float64, generator=generator)
        * 2
    )
    got = gaussian_moments(name, rows @ rows.T)
    for kernel in (got.products, got.slopes, got.products - torch.outer(got.mean, got.mean)):
        assert (kernel - kernel.T).abs().max() < 1e-14 * kernel.max()
        assert torch.linalg.eigvalsh(kernel)[0] > -1e-12 * kernel.trace()


@pytest.mark.parametrize("name", list_infinite_activations())
def test_inputs_that_repeat_oppose_or_vanish(name):
    """Rounding makes the correlation of two inputs that are one 1 - 1e-16, whose square root is 1e-8: it must not be
    seen."""
    x = torch.randn(1, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.3
    x = torch.cat([x, 1.1 * x / 1.1, -x, 3 * x, torch.zeros_like(x), x.flip(1)])
    got = gaussian_moments(name, x @ x.T)
    for kernel in (got.products, got.slopes):
        assert kernel.isfinite().all()
        assert (kernel[0] - kernel[1]).abs().max() < 1e-13 * kernel.max()
        assert torch.linalg.eigvalsh(kernel)[0] > -1e-13 * kernel.trace()
    at_zero = float({**SMOOTH, **KINKED}[name](torch.zeros((), dtype=torch.float64)))
    assert float(got.products[4, 4]) == pytest.approx(at_zero**2, abs=1e-15)
    assert float(got.mean[4]) == pytest.approx(at_zero, abs=1e-15)
    assert float(got.products[0, 4]) == pytest.approx(at_zero * float(got.mean[0]), abs=1e-14)


@pytest.mark.parametrize("rho", [0.9999, -0.9999, 0.998])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "swish", "gelu"])
def test_large_inputs_that_are_nearly_parallel_are_exact(name, rho):
    """At standard deviation 30 tanh is nearly a step: a series in rho takes more terms than there are."""
    d, e = 30.0, 24.0
    s, slope = SMOOTH[name], lambda u: derivative(SMOOTH[name], u)
    got = gaussian_moments(name, covariance(d, e, rho))
    for f, moments in ((s, got.products), (slope, got.slopes)):
        scale = float((moments[0, 0] * moments[1, 1]).sqrt())
        assert abs(float(moments[0, 1]) - on_the_plane(f, d, e, rho)) < 1e-12 * scale
        assert moments[0, 1] == moments[1, 0]


@pytest.mark.parametrize(("d", "rho"), [(30.0, 0.9999), (200.0, 0.99834), (500.0, 0.9999999)])
def test_slopes_of_very_large_inputs_against_an_integral_over_their_values(d, rho):
    got = gaussian_moments("tanh", covariance(d, d, rho))
    step = 0.02
    u = torch.arange(-1000, 1001, dtype=torch.float64) * step  # where the derivative is not 0
    square = (u[:, None] ** 2 + u**2 - 2 * rho * u[:, None] * u) / (d * d * (1 - rho * rho))
    density = (-square / 2).exp() / (2 * math.pi * d * d * math.sqrt(1 - rho * rho))
    slope = derivative(torch.tanh, u)
    want = float(slope @ density @ slope) * step**2
    assert float(got.slopes[0, 1]) == pytest.approx(want, rel=1e-10)


def test_a_series_that_is_cut_says_by_how_much():
    """Inputs of which even the difference is large: a grid over the plane would be too fine."""
    d, rho = 2000.0, 0.998
    with pytest.warns(UserWarning, match="exact to .e-0. only") as caught:
        got = gaussian_moments("tanh", covariance(d, d, rho))
    stated = max(float(str(warning.message).split("exact to ")[1].split()[0]) for warning in caught)
    step = 0.02
    u = torch.arange(-1000, 1001, dtype=torch.float64) * step
    square = (u[:, None] ** 2 + u**2 - 2 * rho * u[:, None] * u) / (d * d * (1 - rho * rho))
    density = (-square / 2).exp() / (2 * math.pi * d * d * math.sqrt(1 - rho * rho))
    slope = derivative(torch.tanh, u)
    want = float(slope @ density @ slope) * step**2
    assert abs(float(got.slopes[0, 1]) - want) / float(got.slopes[0, 0]) < 1.5 * stated


def test_why_not_quadrature_over_the_plane():
    """32 Gauss-Hermite nodes a side, at the standard deviation 2 of a residual network's third layer."""
    nodes, weights = (torch.tensor(values) for values in hermegauss(32))
    u, v = 2 * nodes[:, None], 2 * (0.9 * nodes[:, None] + math.sqrt(1 - 0.9**2) * nodes)
    slope = lambda u: derivative(torch.tanh, u)  # noqa: E731
    quadrature = float((weights[:, None] * weights * slope(u) * slope(v)).sum()) / (2 * math.pi)
    exact = float(gaussian_moments("tanh", covariance(2.0, 2.0, 0.9)).slopes[0, 1])
    assert abs(quadrature / exact - 1) > 5e-3


def test_activations_that_are_not_known_are_refused():
    for name in ("relu6", "hardswish", "prelu"):
        with pytest.raises(SelectionError, match=r"unknown activation .*known: erf, gelu, identity, leaky_relu, relu"):
            gaussian_moments(name, torch.eye(2, dtype=torch.float64))
