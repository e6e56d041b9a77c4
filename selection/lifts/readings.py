"""Scores that are read off the network without running it: alpha, size, and the baseline that reads nothing."""

import torch

from ..protocol import Selectable, allowed_options
from .scores import Scores, strongest


def _reading(net: Selectable, options: dict[str, dict[str, float]]) -> Scores:
    return Scores(options, strongest(options, {choice: allowed_options(net, choice) for choice in options}))


@torch.no_grad()
def magnitude(net: Selectable, **_) -> Scores:
    """softmax(alpha): vanilla DARTS (Liu et al. 2019). An option that is never chosen still takes its share of the softmax."""
    rows = net.logits()
    return _reading(net, {choice: dict(zip(options, rows[choice].softmax(0).tolist())) for choice, options in net.choices().items()})


def size(net: Selectable, **_) -> Scores:
    """Number of parameters of the option's modules."""
    count = {
        choice: {option: float(sum(p.numel() for module in modules for p in module.parameters())) for option, modules in options.items()}
        for choice, options in net.choices().items()
    }
    return _reading(net, count)


def random(net: Selectable, seed: int = 0, **_) -> Scores:
    """Uniform numbers."""
    generator = torch.Generator().manual_seed(seed)
    return _reading(net, {choice: dict(zip(options, torch.rand(len(options), generator=generator).tolist())) for choice, options in net.choices().items()})
