"""A batch's part in a parameter's share of the kernel, its factor, and the products of factors.

A layer whose output at position l is W a_l has the per-sample gradient G^T A; A [L, D] holds a sample's inputs a_l, G
[L, O] the gradients of its outputs. The share <G_i^T A_i, G_j^T A_j> is formed in whichever way takes the fewest
operations:

    ghost         sum_lm (A_i A_j^T)_lm (G_i G_j^T)_lm     few positions: linear layers, late convolutions
    materialised  J = G^T A for this parameter, then J J^T few parameters

What a batch contributes to a share, A and G or J, is its factor.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

ONE_PRODUCT = 128  # rows from which on halving a square saves more than small products lose (measured)
# operations of the ghost in the time of one that materialises, which writes J and reads it again (measured)
GHOST_SPEED = 2


class Ghost(NamedTuple):
    """Inputs a [B, groups, L, D] and gradients g [B, groups, L, O]; a layer that is used again has more positions."""

    a: Tensor
    g: Tensor


Factor = Tensor | Ghost  # a tensor holds per-sample gradients [B, ...]


def product(first: Factor, second: Factor) -> Tensor:
    """The share of two batches, [B1, B2]."""
    if isinstance(first, Ghost) and isinstance(second, Ghost):
        groups = range(first.a.shape[1])
        share: Any = sum(_ghost_product(_take_group(first, k), _take_group(second, k)) for k in groups)
        return share
    return _materialise(first) @ _materialise(second).T


def square(factor: Factor) -> Tensor:
    """The share of a batch with itself, whose products below the diagonal are those above it."""
    if isinstance(factor, Ghost):
        count, _, positions, _ = factor.a.shape
    else:
        count, positions = len(factor), 1
    if count == 1 or count * positions <= ONE_PRODUCT:
        return product(factor, factor)
    upper = _take_samples(factor, slice(count // 2))
    lower = _take_samples(factor, slice(count // 2, None))
    across = product(upper, lower)
    upper_rows = torch.cat([square(upper), across], 1)
    lower_rows = torch.cat([across.T, square(lower)], 1)
    return torch.cat([upper_rows, lower_rows])


def _take_samples(factor: Factor, samples: slice) -> Factor:
    if isinstance(factor, Ghost):
        return Ghost(factor.a[samples], factor.g[samples])
    return factor[samples]


def _take_group(ghost: Ghost, group: int) -> Ghost:
    """Inputs [B, L, D] and gradients [B, L, O] of one group."""
    return Ghost(ghost.a[:, group], ghost.g[:, group])


def _ghost_product(first: Ghost, second: Ghost) -> Tensor:
    """sum_lm (A_i A_j^T)_lm (G_i G_j^T)_lm of one group, [B1, B2]."""
    inputs = first.a.flatten(0, 1) @ second.a.flatten(0, 1).T
    gradients = first.g.flatten(0, 1) @ second.g.flatten(0, 1).T
    pairs = inputs * gradients
    return pairs.reshape(*first.a.shape[:2], *second.a.shape[:2]).sum((1, 3))


def _materialise(factor: Factor) -> Tensor:
    """Per-sample gradients [B, P]."""
    if isinstance(factor, Ghost):
        factor = factor.g.transpose(2, 3) @ factor.a
    return factor.flatten(1)


def choose_cheaper(ghost: Ghost) -> Factor:
    """The factor itself, or what it materialises to."""
    count, _, positions, width = ghost.a.shape
    outputs = ghost.g.shape[3]
    materialised_cost = count * positions * width * outputs + count**2 * width * outputs
    ghost_cost = count**2 * positions**2 * (width + outputs)
    return _materialise(ghost) if GHOST_SPEED * materialised_cost <= ghost_cost else ghost
