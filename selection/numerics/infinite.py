"""The neural tangent kernel of infinitely wide fully-connected and residual networks, and bounds on its smallest
eigenvalue.

    z_l = sqrt(v / m_(l-1)) W_l f_(l-1)
    f_l = c_l s_l(z_l) + a_(l-1) f_(l-1),   f_0 = x, a_0 = 0
    output <w, f_last> / sqrt(m),           all entries ~ N(0, 1)

s_l is the activation of hidden layer l, a_(l-1) = 1 where a skip adds the layer's input to it, v the weight variance, m
widths that go to infinity; c_l = 1, or what makes the mean over the inputs of E (c_l s_l)^2 one ("normalised"). This is
the search space of Zhu et al. 2022.

Per layer, with S = E s(u) s(v), D = E s'(u) s'(v), mu = c E s(u) at (u, v) ~ N(0, v G) and nu the mean of f over its
units:

    G <- c^2 S + a [G + mu nu' + nu mu']
    T <- c^2 v D o (G + T) + a T
    nu <- mu + a nu

from G = x x' / d, T = 0, nu = 0, and at the end K = G + T. Without the cross term mu nu' it would be 43 % off for three
residual layers of leaky ReLUs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..errors import SelectionError
from .gaussian import Moments, gaussian_moments
from .spectrum import spectrum

MEMORY = 2**28  # bytes that a Recursion remembers
Depths = tuple[tuple[str, bool], ...]  # (s_l, a_(l-1)) of each hidden layer up to some depth


def infinite_ntk(
    x: Tensor,
    activations: Sequence[str],
    skips: Sequence[bool],
    *,
    weight_variance: float = 2.0,
    normalise: bool = False,
) -> Tensor:
    """The neural tangent kernel of the infinitely wide network at its initialisation, all weights trained (Jacot et al.
    2018; skips are derived).

    Args:
        x: inputs [N, ...], of d numbers each.
        activations: of the hidden layers, see `list_infinite_activations`.
        skips: one fewer; skips[l - 1] adds the output of hidden layer l to that of the next.
        weight_variance: v; 2 is He's.
        normalise: scale every activation by c.

    Returns:
        [N, N], float64, on the CPU.

    Raises:
        SelectionError: fewer than two inputs or values that are not finite, a wrong number of skips, an unknown
            activation, a variance that is not positive.

    >>> infinite_ntk(torch.eye(2), ["relu"], [])  # of x with G = 1/2: 1/2 + 1/2, and 1/(2 pi)
    tensor([[1.0000, 0.1592],
            [0.1592, 1.0000]], dtype=torch.float64)
    """
    return Recursion(x, weight_variance=weight_variance, normalise=normalise).kernel(activations, skips)


def infinite_bounds(
    x: Tensor,
    activations: Sequence[str],
    skips: Sequence[bool],
    *,
    weight_variance: float = 2.0,
    normalise: bool = False,
) -> tuple[float, float]:
    """(lower, upper) bounds on the smallest eigenvalue of `infinite_ntk`, whose arguments these are; see
    `Recursion.bounds`.

    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> lower, upper = infinite_bounds(x, ["tanh", "tanh"], [True])
    >>> lower < spectrum(infinite_ntk(x, ["tanh", "tanh"], [True])).min <= upper
    True
    """
    return Recursion(x, weight_variance=weight_variance, normalise=normalise).bounds(activations, skips)


@dataclass(frozen=True)
class Layer:
    """The state of the recursion behind a hidden layer, or at the input.

    Args:
        covariance: G, [N, N].
        tangent: T, [N, N].
        mean: nu, [N].
        slope: c^2 v min_i E s'(u_i)^2.
    """

    covariance: Tensor
    tangent: Tensor
    mean: Tensor
    slope: float

    @property
    def kernel(self) -> Tensor:
        """K = G + T of the network that ends here, symmetric to the last bit."""
        kernel = self.covariance + self.tangent
        return (kernel + kernel.T) / 2

    @cached_property
    def smallest(self) -> float:
        """Smallest eigenvalue of the covariance."""
        return spectrum(self.covariance).min


class Recursion:
    """Kernels of many architectures on the same inputs: architectures that begin alike share what they share.

    Arguments and errors are those of `infinite_ntk`. At most about 256 MB are remembered.

    >>> recursion = Recursion(torch.eye(3))
    >>> deep = recursion.kernel(["relu", "tanh", "swish"], [True, False])
    >>> torch.equal(deep, infinite_ntk(torch.eye(3), ["relu", "tanh", "swish"], [True, False]))
    True
    """

    def __init__(self, x: Tensor, *, weight_variance: float = 2.0, normalise: bool = False) -> None:
        if not 0 < weight_variance < math.inf:
            raise SelectionError(f"weight_variance is a positive number, not {weight_variance!r}")
        if len(x) < 2:
            raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
        rows = x.detach().cpu().double().reshape(len(x), -1)
        covariance = rows @ rows.T / rows.shape[1]
        if not covariance.isfinite().all():
            raise SelectionError("the inputs hold values that are not finite numbers, or whose squares are not")
        self.weight_variance = weight_variance
        self.normalise = normalise
        self._input = Layer(
            covariance=(covariance + covariance.T) / 2,
            tangent=torch.zeros_like(covariance),
            mean=torch.zeros_like(covariance[0]),
            slope=0.0,
        )
        self._layers: dict[Depths, Layer] = {}
        self._moments: dict[tuple[Depths, str], Moments] = {}

    def kernel(self, activations: Sequence[str], skips: Sequence[bool]) -> Tensor:
        """The kernel of one architecture, [N, N]."""
        return self._run(activations, skips)[-1].kernel

    def bounds(self, activations: Sequence[str], skips: Sequence[bool]) -> tuple[float, float]:
        """(lower, upper) bounds on the smallest eigenvalue of one architecture's kernel.

        Lower (derived from Schur's product theorem, in the shape of Zhu et al. 2022): with d_l = c_l^2 v min_i D_l(x_i,
        x_i), and m for smallest eigenvalue,

            m(K) >= m(G_last) + sum_l d_l m(G_(l-1)) prod_(p > l) (d_p + a_(p-1))

        Upper: the least of the smaller eigenvalues of all pairs of inputs, which is at most the least diagonal entry.
        """
        layers = self._run(activations, skips)
        tangent = 0.0
        for before, layer, skip in zip(layers, layers[1:], (False, *skips)):
            tangent = (layer.slope + bool(skip)) * tangent + layer.slope * before.smallest
        lower = layers[-1].smallest + tangent
        return lower, _least_of_pairs(layers[-1].kernel)

    def _run(self, activations: Sequence[str], skips: Sequence[bool]) -> list[Layer]:
        """The input and all hidden layers."""
        architecture = _read_architecture(activations, skips)
        layers = [self._input]
        for depth in range(1, len(architecture) + 1):
            layers.append(self._remember_layer(architecture[:depth], layers[-1]))
        return layers

    def _remember_layer(self, architecture: Depths, before: Layer) -> Layer:
        """The last hidden layer of an architecture, computed unless it is remembered."""
        if architecture in self._layers:
            return self._layers[architecture]
        remembered = len(self._layers) * self._input.covariance.nbytes * 4  # G and T, and at most one S and D, each
        if remembered > MEMORY:
            self._layers.clear()
            self._moments.clear()
        activation, skip = architecture[-1]
        moments = self._remember_moments(architecture[:-1], activation, before)
        self._layers[architecture] = self._add_layer(before, moments, skip)
        return self._layers[architecture]

    def _remember_moments(self, prefix: Depths, activation: str, before: Layer) -> Moments:
        """They do not depend on whether a skip leads around the activation."""
        key = (prefix, activation)
        if key not in self._moments:
            self._moments[key] = gaussian_moments(activation, self.weight_variance * before.covariance)
        return self._moments[key]

    def _squared_scale(self, moments: Moments) -> float:
        """c^2; 0 where all activations are 0 anyway."""
        if not self.normalise:
            return 1.0
        square = float(moments.products.diagonal().mean())
        return 1 / square if square > 0 else 0.0

    def _add_layer(self, before: Layer, moments: Moments, skip: bool) -> Layer:
        c2 = self._squared_scale(moments)
        mu = math.sqrt(c2) * moments.mean
        slopes = c2 * self.weight_variance * moments.slopes
        covariance = c2 * moments.products
        tangent = slopes * (before.covariance + before.tangent)
        mean = mu
        if skip:
            cross = torch.outer(mu, before.mean)
            covariance = covariance + before.covariance + cross + cross.T
            tangent = tangent + before.tangent
            mean = mu + before.mean
        return Layer(covariance, tangent, mean, slope=float(slopes.diagonal().min()))


def _read_architecture(activations: Sequence[str], skips: Sequence[bool]) -> Depths:
    if not activations or isinstance(activations, str):
        raise SelectionError(f"activations are a list of at least one name, not {activations!r}")
    if len(skips) != len(activations) - 1:
        raise SelectionError(
            f"{len(activations)} hidden layers have {len(activations) - 1} skips between them, not {len(skips)}"
        )
    if any(skip not in (0, 1) for skip in skips):
        raise SelectionError(f"skips are True or False, not {list(skips)}")
    around = [False, *(bool(skip) for skip in skips)]  # no skip leads around the first
    return tuple(zip(activations, around))


def _least_of_pairs(kernel: Tensor) -> float:
    """The least eigenvalue of all 2 x 2 principal submatrices, clamped at 0."""
    diagonal = kernel.diagonal()
    mean = (diagonal[:, None] + diagonal) / 2
    gap = (diagonal[:, None] - diagonal) / 2
    smaller = mean - torch.hypot(gap, kernel)
    smaller.fill_diagonal_(math.inf)
    return max(0.0, float(smaller.min()))
