"""Scores that are read off the network without running it: alpha, size, and the baseline that reads nothing."""

import torch

from ..evaluator import Evaluator
from ..protocol import option_strengths
from ..registry import register_lift


@register_lift("magnitude")
def magnitude(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """softmax(alpha): vanilla DARTS (Liu et al. 2019). An option that is never chosen still takes its share of the
    softmax."""
    options = evaluator.net.choices()[choice]
    return dict(zip(options, option_strengths(evaluator.net, choice).tolist()))


@register_lift("size")
def size(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """Number of parameters of the option's modules."""
    scores = {}
    for option, modules in evaluator.net.choices()[choice].items():
        counts = [parameter.numel() for module in modules for parameter in module.parameters()]
        scores[option] = float(sum(counts))
    return scores


@register_lift("random")
def random(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """Uniform numbers, drawn by name: the order of the options does not matter."""
    options = sorted(evaluator.net.choices()[choice])
    numbers = torch.rand(len(options), generator=evaluator.generator, device="cpu")
    return dict(zip(options, numbers.tolist()))
