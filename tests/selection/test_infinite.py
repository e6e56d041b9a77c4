"""The infinite kernel against finite networks, against the recursion written out pair by pair, and against what theory
says of its smallest eigenvalue."""

import itertools
import math
import random

import numpy as np
import pytest
import torch
from test_gaussian import KINKED, SMOOTH, derivative, on_the_plane, plane
from torch import nn

import selection.measures.infinite as infinite_measures
from selection import SelectionError, measure, ntk, spectrum
from selection.numerics import infinite
from selection.numerics.infinite import Recursion, infinite_bounds, infinite_ntk

FUNCTIONS = {**SMOOTH, **KINKED}
PAPER = ("relu", "leaky_relu", "sigmoid", "tanh", "swish")


def sphere(count, size, seed=0):
    """Inputs [count, size] of length sqrt(size), in random directions."""
    x = np.random.default_rng(seed).standard_normal((count, size))
    return torch.tensor(x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(size))


def smallest(kernel):
    return float(torch.linalg.eigvalsh(kernel)[0])


class Finite(nn.Module):
    """The network itself at some width; c is a constant, taken from the batch."""

    def __init__(self, size, activations, skips, variance, normalise, width):
        super().__init__()
        self.activations, self.skips, self.variance, self.normalise = activations, [False, *skips], variance, normalise
        self.layers = nn.ModuleList(
            nn.Linear(size if i == 0 else width, width, bias=False) for i in range(len(activations))
        )
        self.last = nn.Linear(width, 1, bias=False)
        for p in self.parameters():
            nn.init.normal_(p)

    def forward(self, f):
        for layer, activation, skip in zip(self.layers, self.activations, self.skips):
            s = FUNCTIONS[activation](math.sqrt(self.variance / layer.in_features) * layer(f))
            if self.normalise:
                s = s / (s.detach() ** 2).mean().sqrt()
            f = s + f if skip else s
        return self.last(f) / math.sqrt(f.shape[1])


def kernel_by_hand(x, activations, skips, variance, normalise, cross=True):
    """The recursion of `infinite_ntk` in loops, every expectation an integral of its own; without the cross term, as if
    skips added independent means of 0."""
    x, count = x.flatten(1), len(x)
    covariance = [[float(a @ b) / x.shape[1] for b in x] for a in x]
    tangent, mean = [[0.0] * count for _ in x], [0.0] * count
    for activation, skip in zip(activations, [False, *skips]):
        moments = {}
        for i, j in itertools.combinations_with_replacement(range(count), 2):
            moments[i, j] = moments[j, i] = moments_by_hand(
                activation, *(variance * covariance[a][b] for a, b in ((i, i), (j, j), (i, j)))
            )
        c = 1 / math.sqrt(sum(moments[i, i][0] for i in range(count)) / count) if normalise else 1.0
        mu = [c * mean_by_hand(activation, variance * covariance[i][i]) for i in range(count)]
        before, covariance = covariance, [[c * c * moments[i, j][0] for j in range(count)] for i in range(count)]
        for i, j in itertools.product(range(count), repeat=2):
            tangent[i][j] = c * c * variance * moments[i, j][1] * (before[i][j] + tangent[i][j]) + skip * tangent[i][j]
            covariance[i][j] += skip * (before[i][j] + cross * (mu[i] * mean[j] + mean[i] * mu[j]))
        mean = [mu[i] + skip * mean[i] for i in range(count)]
    return torch.tensor(covariance, dtype=torch.float64) + torch.tensor(tangent, dtype=torch.float64)


def moments_by_hand(activation, q, r, covariance):
    """E s(u) s(v) and E s'(u) s'(v): the arc-cosine kernel where s has a kink, the trapezoidal rule over the plane
    where not."""
    rho = max(-1.0, min(1.0, covariance / math.sqrt(q * r)))
    if activation in ("relu", "leaky_relu"):
        angle, e = math.acos(rho), {"relu": 0.0, "leaky_relu": 0.01}[activation]
        same, opposed = (
            math.sqrt(q * r) * (math.sin(t) + (math.pi - t) * math.cos(t)) / (2 * math.pi)
            for t in (angle, math.pi - angle)
        )
        return (1 + e * e) * same - 2 * e * opposed, ((1 + e * e) * (math.pi - angle) + 2 * e * angle) / (2 * math.pi)
    return tuple(
        on_the_plane(f, math.sqrt(q), math.sqrt(r), rho)
        for f in (SMOOTH[activation], lambda u: derivative(SMOOTH[activation], u))
    )


def mean_by_hand(activation, q):
    if activation in ("relu", "leaky_relu"):
        return (1 - {"relu": 0.0, "leaky_relu": 0.01}[activation]) * math.sqrt(q / (2 * math.pi))
    u, _, weights = plane(math.sqrt(q), 0.0, 0.0)
    return float((weights * SMOOTH[activation](u)).sum())


def mixed(count, depths=(1, 2, 3, 4), seed=0):
    """Architectures at random."""
    draw = random.Random(seed)
    for _ in range(count):
        depth = draw.choice(depths)
        yield [draw.choice(list(FUNCTIONS)) for _ in range(depth)], [draw.random() < 0.5 for _ in range(depth - 1)]


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


TABLE = {  # smallest eigenvalues for 1, 2, 4, 8 hidden layers, all alike
    (1.0, False): {
        "relu": (0.266, 0.284, 0.151, 0.0199),
        "leaky_relu": (0.261, 0.280, 0.150, 0.0198),
        "swish": (0.136, 0.0857, 0.0101, 6e-5),
        "tanh": (0.108, 0.123, 0.120, 0.108),
        "sigmoid": (2.4e-3, 1.8e-4, 7.6e-7, 1e-11),
    },
    (1.0, True): {
        "relu": (0.266, 0.550, 1.94, 19.5),
        "leaky_relu": (0.261, 0.542, 1.91, 19.2),
        "swish": (0.136, 0.222, 0.604, 5.18),
        "tanh": (0.108, 0.231, 0.967, 7.71),
        "sigmoid": (0.0024, 0.0026, 0.0029, 0.0035),
    },
    (2.0, False): {
        "relu": (0.531, 1.13, 2.41, 5.10),
        "tanh": (0.265, 0.475, 1.01, 2.88),
        "swish": (0.373, 0.683, 0.852, 0.243),
        "sigmoid": (9e-3, 1.3e-3, 1.8e-5, 3e-9),
    },
}


@pytest.mark.parametrize(("variance", "skip"), TABLE)
def test_the_table_of_smallest_eigenvalues(variance, skip):
    """48 inputs on the sphere in 32 dimensions, numpy's default_rng(0): the very draw of the table, which was computed
    apart from this code.

    To 2 %, or to the digits of the table where it has one or two.
    """
    recursion = Recursion(sphere(48, 32), weight_variance=variance)
    for activation, printed in TABLE[variance, skip].items():
        for depth, want in zip((1, 2, 4, 8), printed):
            got = smallest(recursion.kernel([activation] * depth, [skip] * (depth - 1)))
            assert got == pytest.approx(want, rel=0.02) or want in (float(f"{got:.1g}"), float(f"{got:.2g}")), (
                activation,
                depth,
            )


@pytest.mark.parametrize("variance", [1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_skips_raise_it_and_relu_is_above_swish_and_tanh_and_those_above_sigmoid(seed, variance):
    """Homogeneous networks, not normalised: a skip more at every depth; the order up to 4 layers only."""
    recursion = Recursion(sphere(48, 32, seed), weight_variance=variance)
    for depth in (2, 3, 4, 8):
        value = {
            (s, a): smallest(recursion.kernel([s] * depth, [a] * (depth - 1))) for s in PAPER for a in (False, True)
        }
        assert all(value[s, True] > value[s, False] for s in PAPER)
        for a in (False, True) if depth <= 4 else ():
            assert min(value["relu", a], value["leaky_relu", a]) > max(value["swish", a], value["tanh", a])
            assert min(value["swish", a], value["tanh", a]) > 2 * value["sigmoid", a]


def test_all_500_networks_of_three_layers():
    """The best, the worst, the mean logarithm by number of skips, and how often a skip lowers the value: as computed
    apart from this code."""
    skips = list(itertools.product((0, 1), repeat=2))
    lowered = {}
    for normalise in (False, True):
        recursion = Recursion(sphere(24, 16), weight_variance=1.0, normalise=normalise)
        value = {(s, a): smallest(recursion.kernel(s, a)) for s in itertools.product(PAPER, repeat=3) for a in skips}
        flips = [(value[s, a], value[s, (*a[:i], 1, *a[i + 1 :])]) for s, a in value for i in range(2) if not a[i]]
        lowered[normalise] = sum(after < before for before, after in flips), len(flips)
        if not normalise:
            assert max(value, key=value.get) == (("relu",) * 3, (1, 1)) and max(value.values()) == pytest.approx(
                0.955, abs=5e-4
            )
            assert min(value, key=value.get) == (("sigmoid",) * 3, (0, 0)) and min(value.values()) == pytest.approx(
                1e-5, rel=0.05
            )
            means = [np.mean([math.log(v) for (_, a), v in value.items() if sum(a) == count]) for count in range(3)]
            assert means == pytest.approx([-3.64, -2.45, -1.33], abs=0.006)
    assert lowered == {False: (2, 500), True: (121, 500)}


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
        assert torch.equal(kernel, kernel.T) and smallest(kernel) > -found.floor
        assert lower <= found.min + found.floor and found.min <= upper + found.floor
        assert upper <= float(kernel.diagonal().min())
        ratios.append(found.min / lower if lower > found.floor else 1.0)
    assert 1.5 < np.median(ratios) < 10  # they say something


def test_bounds_where_inputs_repeat_or_outnumber_dimensions():
    x = sphere(9, 3)
    lower, upper = infinite_bounds(x, ["tanh", "relu"], [True])
    assert 0 < lower <= smallest(infinite_ntk(x, ["tanh", "relu"], [True])) <= upper  # G_0 is singular, G_1 is not
    twice = torch.cat([x, x[:1]])
    lower, upper = infinite_bounds(twice, ["tanh", "relu"], [True])
    assert lower < 1e-12 and upper < 1e-12 and not spectrum(infinite_ntk(twice, ["tanh", "relu"], [True])).resolved


def test_scale():
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


def test_skips_help_because_the_kernel_grows():
    """Relative to the mean eigenvalue, or normalised, what skips do turns round: figures for 1, 2, 4, 8 layers, and
    costs sqrt(y' K^-1 y / N) of labels, as computed apart from this code."""
    x = sphere(48, 32)
    plain = Recursion(x, weight_variance=1.0)
    for (activation, skip), want in {
        ("relu", False): (0.266, 0.378, 0.483, 0.567),
        ("relu", True): (0.266, 0.279, 0.236, 0.119),
        ("tanh", False): (0.126, 0.157, 0.171, 0.170),
        ("tanh", True): (0.126, 0.141, 0.210, 0.414),
    }.items():
        got = [
            spectrum(plain.kernel([activation] * depth, [skip] * (depth - 1))).min_relative for depth in (1, 2, 4, 8)
        ]
        assert got == pytest.approx(want, rel=0.01)
    normalised = Recursion(x, weight_variance=1.0, normalise=True)
    assert [smallest(normalised.kernel([name] * 8, [True] * 7)) for name in ("tanh", "relu")] == pytest.approx(
        [36, 6.0], rel=0.01
    )
    y, kernels = x[:, 0].sign(), [plain.kernel(["relu"] * 8, [skip] * 7) for skip in (False, True)]
    costs = [
        math.sqrt(float(y @ torch.linalg.solve(k / scale, y)) / len(y))
        for k in kernels
        for scale in (1, k.diagonal().mean())
    ]
    assert costs == pytest.approx([6.11, 1.14, 0.154, 1.97], rel=0.01)


def test_what_is_shared_changes_nothing(monkeypatch):
    """The kernel of an architecture is the same to the last bit alone, after many others, and where little is
    remembered."""
    x, architectures = sphere(12, 8), list(mixed(60, seed=3))
    shared = Recursion(x)
    kernels = [shared.kernel(*architecture) for architecture in architectures]
    steps = len(shared._layers)
    assert steps < sum(len(activations) for activations, _ in architectures)
    for architecture, kernel in zip(reversed(architectures), reversed(kernels)):
        assert torch.equal(shared.kernel(*architecture), kernel) and torch.equal(infinite_ntk(x, *architecture), kernel)
    assert len(shared._layers) == steps
    monkeypatch.setattr(infinite, "MEMORY", 5 * 12 * 12 * 8 * 4)
    forgetful = Recursion(x)
    assert all(
        torch.equal(forgetful.kernel(*architecture), kernel) for architecture, kernel in zip(architectures, kernels)
    )
    assert len(forgetful._layers) <= 6 and len(forgetful._moments) <= 6


@pytest.mark.parametrize("normalise", [False, True])
def test_inputs_that_vanish(normalise):
    nothing = infinite_ntk(torch.zeros(3, 4), ["relu", "tanh", "swish"], [True, True], normalise=normalise)
    assert not nothing.any()
    assert infinite_bounds(torch.zeros(3, 4), ["relu", "tanh"], [True], normalise=normalise) == (0, 0)
    x = torch.cat([sphere(3, 4), torch.zeros(1, 4)])
    assert infinite_ntk(x, ["relu", "sigmoid", "gelu"], [True, True], normalise=normalise).isfinite().all()


def test_inputs_and_architectures_that_make_no_kernel():
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
