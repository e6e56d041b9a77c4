"""The infinite kernel's smallest eigenvalue: values computed apart from this code, and what theory says of it."""

import itertools
import math

import numpy as np
import pytest
import torch
from infinite_oracles import PAPER, smallest, sphere

from selection import spectrum
from selection.numerics.infinite import Recursion

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
            assert max(value, key=value.get) == (("relu",) * 3, (1, 1))
            assert max(value.values()) == pytest.approx(0.955, abs=5e-4)
            assert min(value, key=value.get) == (("sigmoid",) * 3, (0, 0))
            assert min(value.values()) == pytest.approx(1e-5, rel=0.05)
            means = [np.mean([math.log(v) for (_, a), v in value.items() if sum(a) == count]) for count in range(3)]
            assert means == pytest.approx([-3.64, -2.45, -1.33], abs=0.006)
    assert lowered == {False: (2, 500), True: (121, 500)}


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
