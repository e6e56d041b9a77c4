"""SmoothDARTS: weights that are trained to keep their loss where the mixture is moved a little (Chen & Hsieh 2020).

Before a step of the weights the mixing weights [choices, options] move within `radius` of where they are, and stay
shares of 1: at random, or where the loss grows most. The alphas stay where they are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from supernet import Supernet

STEPS = 7  # of the search for the worst mixture
FIRST = 0.03  # radius in the first epoch
Mixing = dict[str, Tensor]


def find_radius(largest: float, epoch: int, epochs: int) -> float:
    """Returns the radius of an epoch: it grows in a line from .03.

    >>> find_radius(0.3, 0, 10), round(find_radius(0.3, 10, 10), 3)
    (0.03, 0.3)
    """
    return FIRST + (largest - FIRST) * epoch / epochs


@contextmanager
def smoothed(net: Supernet, kind: str, radius: float, compute_loss: Callable[[], Tensor]) -> Iterator[None]:
    """Within the block the supernet mixes by moved weights; choices that are decided stay so.

    Args:
        kind: "random" or "adversarial".
        compute_loss: of a pass; it is called in eval mode.
    """
    with torch.no_grad():
        before = {name: weights.clone() for name, weights in net.mixing_weights().items()}
    moved = move_randomly(before, radius)
    if kind == "adversarial":
        moved = move_to_the_worst(net.eval(), before, moved, radius, compute_loss)
        net.train()
    for name, weights in before.items():
        is_decided = weights.amax(-1, keepdim=True) == 1
        moved[name] = torch.where(is_decided, weights, moved[name])
    with mixed_by(net, moved):
        yield


@contextmanager
def mixed_by(net: Supernet, mixing: Mixing) -> Iterator[None]:
    """Within the block these are the mixing weights."""
    net.held_mixing = mixing
    try:
        yield
    finally:
        net.held_mixing = None


def move_randomly(mixing: Mixing, radius: float) -> Mixing:
    """Adds uniform noise between -radius and radius, and clips."""
    moved = {}
    for name, weights in mixing.items():
        noise = torch.empty(weights.shape, dtype=weights.dtype, device="cpu").uniform_(-radius, radius)
        moved[name] = clip(weights + noise.to(weights.device))
    return moved


def move_to_the_worst(
    net: Supernet, before: Mixing, start: Mixing, radius: float, compute_loss: Callable[[], Tensor]
) -> Mixing:
    """Climbs the loss from `start` by steps of the gradient's sign, within the radius of `before`; returns `before`
    where that ends below it."""
    mixing = start
    for _ in range(STEPS):
        free = {name: weights.detach().requires_grad_() for name, weights in mixing.items()}
        with mixed_by(net, free):
            loss = compute_loss()
        gradients = torch.autograd.grad(loss, list(free.values()), allow_unused=True, materialize_grads=True)
        mixing = {}
        for (name, weights), gradient in zip(free.items(), gradients):
            step = weights.detach() + 2 * radius / STEPS * gradient.sign()
            mixing[name] = clip(before[name] + (step - before[name]).clamp(-radius, radius))
    with torch.no_grad():
        with mixed_by(net, mixing):
            after = compute_loss()
        with mixed_by(net, before):
            return before if compute_loss() > after else mixing


def clip(weights: Tensor) -> Tensor:
    """Returns rows of shares: between 0 and 1, divided by their sum; a row without any has all at its largest."""
    positive = weights.clamp(0, 1)
    empty = positive.sum(-1, keepdim=True) == 0
    largest = F.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights)
    positive = torch.where(empty, largest, positive)
    return positive / positive.sum(-1, keepdim=True)
