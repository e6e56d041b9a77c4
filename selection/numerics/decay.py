"""How fast a kernel's eigenvalues fall and how well the targets lie along them: the two exponents of averaged SGD's
rate (Nitanda & Suzuki 2021).

beta is the slope of -log w_i against log i, r half the slope of log T(k) against log w_k, for i and k from n/100 (at
least 3) to n/4: before it there is no power law, after it a sample's eigenvalues are not the population's. T(k) = sum
over k <= i < 2k of <u_i, y>^2 / n, less noise^2 / n each: it falls as the whole tail does, and gathers less noise. lam
is the one with which the theory reaches its rate in one pass over n samples; c gives it the kernel's unit. So beta, r,
d_eff and the rate do not change when the kernel is scaled.

No mean is taken off the targets: a network's kernel holds constants in its first eigenvectors, before the window; where
it does not, taking a mean off the targets alone would add to every coefficient.

A diagnostic, not a selector. With 10 or more inputs the eigenvalues of a rotation-invariant kernel form plateaus as
long as the window: beta is not identifiable at n = 2000 or fewer, and the note says so. What no note says: on inputs
drawn at random no r above about 1 - 1 / (2 beta) is seen, as the sample's eigenvectors are off by that much (even a
constant has it); beta is .15 too large at n = 400; weak noise that `noise` leaves out makes r too small; for r below
1/2 the theory promises nothing, and the rate stated is too fast.

Source: Nitanda & Suzuki (2021), assumptions A3 and A4 and theorem 1 with its lam; the estimators and their limits are
derived.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SelectionError
from .spectrum import spectrum

LEAST = 8  # eigenvalues in the window: a slope from fewer says little
FIRST = 3  # the eigenvalues before it follow no power law
# R^2 of the eigenvalues: kernels of 2 and 3 inputs reach .99 with 1000 samples, those of 10 and 20 stay below .91
FIT = 0.98
TARGET_FIT = 0.8  # R^2 of the targets: sums of few squares scatter
RESOLVED = 4  # standard deviations of what the noise adds to a sum of squares


@dataclass(frozen=True)
class Decay:
    """What the eigenvalues w_1 >= w_2 >= ... of K / n [n, n] say about learning with n samples.

    Args:
        beta: w_i ~ c i^-beta over the window.
        source: r of the source condition (the target is Sigma^r of a square-integrable function); None without targets,
            or where noise hides it.
        regularisation: lam = c n^(-beta / (2 r' beta + 1)), with r' = r within [1/2, 1], or 1/2 without r.
        effective_dimension: d_eff(lam) = sum of w / (w + lam).
        rate: rho = 2 r' beta / (2 r' beta + 1): the predicted excess risk falls as n^-rho.
        window: the first and the last i of the fit, from 1, both included.
        fit: R^2 of log w_i against log i over the window.
        note: why the exponents are not to be trusted; empty where nothing speaks against them.
    """

    beta: float
    source: float | None
    regularisation: float
    effective_dimension: float
    rate: float
    window: tuple[int, int]
    fit: float
    note: str

    @property
    def identifiable(self) -> bool:
        """Whether nothing speaks against the exponents."""
        return not self.note


def decay(kernel: Tensor, y: Tensor | None = None, *, noise: float = 0.0) -> Decay:
    """The decay exponent of a kernel K [n, n], the source exponent of targets on it, and the rate that averaged SGD has
    with them.

    Args:
        y: targets [n] or [n, outputs], whose squares are summed over the outputs, taken as they are.
        noise: standard deviation of the noise in y, in the unit of y, the same for all outputs.

    Raises:
        SelectionError: the kernel is not square, not finite, or of fewer than 40 samples; y has another length or is
            not finite; noise is negative.

    >>> values = decay(torch.diag(torch.arange(1.0, 401.0) ** -2.0))
    >>> round(values.beta, 3), values.window, round(values.rate, 3), values.note
    (2.0, (4, 100), 0.667, '')
    """
    n = len(kernel)
    floor = spectrum(kernel).floor / n
    first = max(FIRST, n // 100)
    last = n // 4
    if last - first + 1 < LEAST:
        raise SelectionError(f"a decay exponent needs at least {4 * (FIRST + LEAST - 1)} samples, not {n}")
    if noise < 0:
        raise SelectionError(f"noise is a standard deviation, not {noise}")
    values, squares = _eigenvalues_and_squares(kernel, y, noise)
    last = min(last, int((values > floor).sum()))
    if last - first + 1 < LEAST:
        return _unresolved(first, last)
    ranks = torch.arange(first, last + 1, device="cpu")
    slope, unit, fit = power_law(ranks.double(), values[ranks - 1])
    beta = max(0.0, -slope)
    notes = _eigenvalue_notes(beta, fit)
    source = None
    if y is not None:
        source, note = _source(values, squares, ranks, noise**2 / n, y[0].numel())
        if note:
            notes.append(note)
    r = min(max(source or 0.0, 0.5), 1.0)
    smoothness = 2 * r * beta
    regularisation = unit * n ** (-beta / (smoothness + 1))
    return Decay(
        beta=beta,
        source=source,
        regularisation=regularisation,
        effective_dimension=effective_dimension(values, regularisation),
        rate=smoothness / (smoothness + 1),
        window=(first, last),
        fit=fit,
        note="; ".join(notes),
    )


def effective_dimension(values: Tensor, regularisation: float) -> float:
    """d_eff(lam) = Tr(Sigma (Sigma + lam)^-1) of eigenvalues w [n] of Sigma: how many are above lam, softly; ~ lam^(-1
    / beta) where w_i ~ i^-beta.

    Eigenvalues below 0 are rounding noise and count as 0. Source: Nitanda & Suzuki (2021), theorem 1.

    >>> effective_dimension(torch.tensor([3.0, 1.0, 0.0]), 1.0)
    1.25
    """
    values = values.clamp(min=0)
    return float((values / (values + regularisation)).sum())


def power_law(x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """(a, c, R^2) of y = c x^a by least squares in the logarithms; x, y [k] positive. A constant y follows a = 0
    exactly.

    >>> [round(value, 4) for value in power_law(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([3.0, 12.0, 48.0]))]
    [2.0, 3.0, 1.0]
    """
    u, v = x.log(), y.log()
    du, dv = u - u.mean(), v - v.mean()
    slope = du @ dv / (du @ du)
    constant = (v.mean() - slope * u.mean()).exp()
    residual = (dv - slope * du).square().sum()
    total = dv.square().sum()
    fit = float(1 - residual / total) if total > 0 else 1.0
    return float(slope), float(constant), fit


def _unresolved(first: int, last: int) -> Decay:
    nan = float("nan")
    return Decay(
        beta=nan,
        source=None,
        regularisation=nan,
        effective_dimension=nan,
        rate=nan,
        window=(first, last),
        fit=nan,
        note=f"only {last} eigenvalues are above rounding noise",
    )


def _eigenvalue_notes(beta: float, fit: float) -> list[str]:
    notes = []
    if beta <= 1:
        notes.append("the eigenvalues fall no faster than 1/i: outside the theory")
    if fit < FIT:
        notes.append(f"the eigenvalues follow no power law (R^2 {fit:.2f})")
    return notes


def _eigenvalues_and_squares(kernel: Tensor, y: Tensor | None, noise: float) -> tuple[Tensor, Tensor]:
    """Eigenvalues [n] of K / n, largest first, and <u_i, y>^2 / n less what noise adds [n], summed over outputs (empty
    without y), in float64."""
    n = len(kernel)
    kernel = kernel.detach().cpu().double()
    symmetric = (kernel + kernel.T) / (2 * n)
    if y is None:
        return torch.linalg.eigvalsh(symmetric).flip(0), symmetric.new_empty(0)
    if y.dim() not in (1, 2) or len(y) != n or not y.numel():
        raise SelectionError(f"targets of a kernel of {n} samples are [{n}] or [{n}, outputs], not {list(y.shape)}")
    if not torch.isfinite(y).all():
        raise SelectionError("the targets hold values that are not finite numbers")
    values, vectors = torch.linalg.eigh(symmetric)
    coefficients = vectors.T @ y.cpu().double().reshape(n, -1)
    squares = (coefficients.square() - noise**2).sum(dim=1) / n
    return values.flip(0), squares.flip(0)


def _source(values: Tensor, squares: Tensor, ranks: Tensor, variance: float, outputs: int) -> tuple[float | None, str]:
    """r over the ranks whose octave [k, 2k) of squares stands out of noise of that variance a square, and what speaks
    against it."""
    sums = torch.cat([squares.new_zeros(1), squares.cumsum(0)])
    octaves = sums[2 * ranks - 1] - sums[ranks - 1]
    rounding = torch.finfo(sums.dtype).eps * squares.abs().sum()
    scatter = variance * (2 * outputs * ranks).sqrt() + rounding
    stands_out = octaves > RESOLVED * scatter
    count = int(stands_out.int().cumprod(0).sum())  # up to the first that does not
    if count < LEAST:
        return None, "the targets do not stand out of their noise in the window"
    eigenvalues = values[ranks[:count] - 1]
    if eigenvalues[0] == eigenvalues[-1]:
        return None, "the eigenvalues are all the same"
    slope, _, fit = power_law(eigenvalues, octaves[:count])
    if slope <= 0 or fit < TARGET_FIT:
        return slope / 2, f"the targets do not fall with the eigenvalues (R^2 {fit:.2f}): noise?"
    return slope / 2, ""
