"""The infinite kernel's recursion in loops, and networks of finite width."""

import itertools
import math
import random

import numpy as np
import torch
from test_gaussian import KINKED, SMOOTH, derivative, on_the_plane, plane
from torch import nn

FUNCTIONS = {**SMOOTH, **KINKED}


PAPER = ("relu", "leaky_relu", "sigmoid", "tanh", "swish")


def sphere(count, size, seed=0):
    """Inputs [count, size] of length sqrt(size), in random directions."""
    x = np.random.default_rng(seed).standard_normal((count, size))
    return torch.tensor(x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(size))


def smallest(kernel):
    return float(torch.linalg.eigvalsh(kernel)[0])


def mixed(count, depths=(1, 2, 3, 4), seed=0):
    """Architectures at random."""
    draw = random.Random(seed)
    for _ in range(count):
        depth = draw.choice(depths)
        yield [draw.choice(list(FUNCTIONS)) for _ in range(depth)], [draw.random() < 0.5 for _ in range(depth - 1)]


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
