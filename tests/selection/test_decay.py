"""The decay of a kernel's spectrum: planted exponents, the circle, where all are known, and what must be reported as
unknown."""

import math
from functools import cache

import pytest
import torch

from selection import SelectionError
from selection.numerics.decay import decay, effective_dimension, power_law
from selection.numerics.spectrum import spectrum

N = 800  # of the circle and the sphere, whose spectra are the known ones only for many samples
PLANTED = 400


@cache
def planted(beta, size=PLANTED, seed=0):
    """A kernel of eigenvalues n i^-beta in a random basis, the eigenvalues of K / n, and the basis."""
    basis, _ = torch.linalg.qr(
        torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    )
    values = torch.arange(1, size + 1, dtype=torch.float64) ** -beta
    return size * (basis * values) @ basis.T, values, basis


def nitanda_suzuki(x):
    """k_inf = E[s(b.x) s(b.x')] + (x.x' + 1) E[s'(b.x) s'(b.x')] for s = ReLU and b on the unit sphere; x [n, d] of
    norm 1."""
    cosine = (x @ x.T).clamp(-1, 1)
    angle = cosine.arccos()
    output = (angle.sin() + (math.pi - angle) * cosine) / (2 * math.pi * x.shape[1])
    return output + (cosine + 1) * (math.pi - angle) / (2 * math.pi)


def circle(angles):
    return nitanda_suzuki(torch.stack([angles.cos(), angles.sin()], dim=1))


def random_angles(seed, size=N):
    return 2 * math.pi * torch.rand(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


GRID = 2 * math.pi * (torch.arange(N, dtype=torch.float64) + 0.3) / N
RANDOM = [(angles, circle(angles)) for angles in map(random_angles, range(5))]


def sphere(inputs, size=N):
    x = torch.randn(size, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return nitanda_suzuki(x / x.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("beta", [1.2, 2.0, 3.0])
def test_a_planted_decay_is_found_exactly(beta):
    found = decay(planted(beta)[0])
    assert found.beta == pytest.approx(beta, abs=1e-6)
    assert found.fit == pytest.approx(1)
    assert found.identifiable
    assert found.window == (4, 100)
    assert found.source is None
    assert found.rate == pytest.approx(beta / (beta + 1))


@pytest.mark.parametrize("r", [0.5, 0.75, 1.0])
def test_a_planted_source_is_found(r):
    """Sigma^r G of white coefficients G: they are not square-summable, so that the source is r - 1 / (2 beta)."""
    kernel, values, basis = planted(2.0)
    white = torch.randn(PLANTED, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    targets = basis @ (values[:, None] ** r * white)
    singles = torch.tensor([decay(kernel, targets[:, index]).source for index in range(8)])
    assert float(singles.mean()) == pytest.approx(r - 1 / 4, abs=4 * float(singles.std()) / math.sqrt(8))
    assert decay(kernel, targets).source == pytest.approx(float(singles.mean()), abs=2 * float(singles.std()))


def test_the_rate_is_the_formula_and_the_source_is_clipped_to_where_the_theory_holds():
    kernel, values, basis = planted(2.0)
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(PLANTED // 2)
    for wanted, used in ((0.3, 0.5), (0.8, 0.8), (1.6, 1.0)):
        found = decay(kernel, basis @ (values ** (wanted + 1 / 4) * signs))
        assert found.source == pytest.approx(wanted, abs=0.06)  # an octave of a steep sequence is a little steeper
        used = found.source if wanted == used else used
        assert found.rate == pytest.approx(4 * used / (4 * used + 1))
        assert found.regularisation == pytest.approx(PLANTED ** (-2 / (4 * used + 1)))


def test_beta_and_source_of_a_kernel_on_the_circle_are_the_known_ones():
    targets = {0.25: lambda t: t.sin().sign(), 0.5: lambda t: t.sin().abs().sqrt(), 0.75: lambda t: t.sin().abs()}
    for r, target in targets.items():
        assert decay(circle(GRID), target(GRID)).source == pytest.approx(r, abs=0.03)
        found = [decay(kernel, target(angles)) for angles, kernel in RANDOM]
        assert all(one.beta == pytest.approx(2.0, abs=0.07) for one in found)
        sources = torch.tensor([one.source for one in found])
        assert float(sources.mean()) == pytest.approx(r, abs=3 * float(sources.std()) / math.sqrt(len(RANDOM)) + 0.03)


def test_on_random_inputs_no_source_above_that_of_a_constant_is_seen():
    assert decay(circle(GRID), GRID.sin().abs() ** 3).source > 1.5
    constants = [decay(kernel, torch.ones(N)).source for _, kernel in RANDOM]
    assert sum(constants) / len(RANDOM) == pytest.approx(1 - 1 / (2 * 2.0), abs=0.06)
    assert all(decay(kernel, angles.sin().abs() ** 3).source < 0.95 for angles, kernel in RANDOM[:2])


def test_a_constant_added_to_the_targets_changes_nothing_where_the_kernel_holds_constants():
    angles, kernel = RANDOM[0]
    assert decay(kernel, angles.sin().abs() + 5).source == pytest.approx(
        decay(kernel, angles.sin().abs()).source, abs=0.01
    )


def test_the_effective_dimension_is_its_definition():
    kernel = RANDOM[0][1]
    found = decay(kernel, RANDOM[0][0].sin().sign())
    sigma = kernel / N
    slow = torch.trace(torch.linalg.solve(sigma + found.regularisation * torch.eye(N, dtype=torch.float64), sigma))
    assert found.effective_dimension == pytest.approx(float(slow), rel=1e-9)


def test_the_effective_dimension_grows_as_the_theory_says():
    values = torch.linalg.eigvalsh(RANDOM[0][1] / N).flip(0)
    grid = torch.logspace(math.log10(values[N // 4]), math.log10(values[N // 100]), 12, dtype=torch.float64)
    slope, _, fit = power_law(
        grid, torch.tensor([effective_dimension(values, float(at)) for at in grid], dtype=torch.float64)
    )
    assert slope == pytest.approx(-1 / 2, abs=0.05)
    assert fit > 0.99


def test_a_scaled_kernel_has_the_same_exponents():
    angles, kernel = RANDOM[0]
    y = torch.stack([angles.sin().abs(), angles.sin().sign()], dim=1)
    y = y + 0.05 * torch.randn(N, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    one, other = decay(kernel, y, noise=0.05), decay(1e-3 * kernel, 40 * y, noise=2.0)
    for name in ("beta", "source", "effective_dimension", "rate", "fit"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6)
    assert other.regularisation == pytest.approx(1e-3 * one.regularisation)
    assert other.window == one.window
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    assert decay(kernel[order][:, order], y[order], noise=0.05).source == pytest.approx(one.source, rel=1e-6)


def test_noise_that_is_known_is_taken_off():
    known, unknown = [], []
    for seed, (angles, kernel) in enumerate(RANDOM[:3]):
        y = angles.sin().sign() + 0.3 * torch.randn(
            N, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
        )
        known.append(decay(kernel, y, noise=0.3).source - 0.25)
        unknown.append(decay(kernel, y).source - 0.25)
    assert max(unknown) < -0.1
    assert abs(sum(known)) < abs(sum(unknown)) / 2


def test_white_noise_is_no_target():
    kernel, noise = RANDOM[0][1], torch.randn(N, generator=torch.Generator().manual_seed(4))
    assert "noise?" in decay(kernel, noise).note
    found = decay(kernel, noise, noise=1.0)
    assert found.source is None
    assert "do not stand out" in found.note
    assert found.rate == pytest.approx(decay(kernel).rate)


def test_what_is_not_identifiable_is_said():
    assert decay(sphere(2)).identifiable
    assert decay(sphere(3)).identifiable
    for inputs in (10, 20):
        assert "follow no power law" in decay(sphere(inputs)).note
    flat = decay(torch.eye(64), torch.arange(64.0))
    assert "no faster than 1/i" in flat.note
    assert flat.beta == flat.rate == 0
    assert flat.source is None


def test_eigenvalues_below_rounding_noise_are_left_out():
    kernel = circle(GRID)
    rounded = decay(kernel.float())
    kept = int((torch.linalg.eigvalsh(kernel) > spectrum(kernel.float()).floor).sum())
    assert rounded.window == (8, kept)
    assert kept < 200
    assert rounded.beta == pytest.approx(2.0, abs=0.1)
    few = decay(planted(1.0)[2][:, :5] @ planted(1.0)[2][:, :5].T)
    assert math.isnan(few.beta)
    assert math.isnan(few.rate)
    assert few.note == "only 5 eigenvalues are above rounding noise"


@pytest.mark.parametrize(
    ("kernel", "y", "noise", "says"),
    [
        (torch.ones(4, 5), None, 0.0, "square kernel"),
        (torch.full((50, 50), float("nan")), None, 0.0, "not finite"),
        (torch.eye(39), None, 0.0, "at least 40 samples, not 39"),
        (torch.eye(40), torch.ones(39), 0.0, r"\[40\] or \[40, outputs\], not \[39\]"),
        (torch.eye(40), torch.ones(40, 2, 2), 0.0, "outputs"),
        (torch.eye(40), torch.full((40,), float("inf")), 0.0, "targets hold values that are not finite"),
        (torch.eye(40), torch.ones(40), -1.0, "standard deviation"),
    ],
)
def test_kernels_and_targets_that_have_no_decay_are_refused(kernel, y, noise, says):
    with pytest.raises(SelectionError, match=says):
        decay(kernel, y, noise=noise)
    assert decay(torch.eye(40)).window == (3, 10)
