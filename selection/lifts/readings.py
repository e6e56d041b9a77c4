"""Scores that are read off the network without running it: alpha, and the baselines."""

import torch

from ..evaluator import Evaluator
from ..protocol import option_strengths
from ..registry import register_lift

ADD_SKIP = "add_skip"  # what networks call the option that adds the input of a layer or an edge to its output


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


@register_lift("residual")
def residual(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """1 for the option `add_skip`, 0 for those beside it; size elsewhere, so that activations stay the first."""
    options = evaluator.net.choices()[choice]
    if ADD_SKIP not in options:
        return size(evaluator, choice)
    return {option: float(option == ADD_SKIP) for option in options}


@register_lift("random")
def random(evaluator: Evaluator, choice: str) -> dict[str, float]:
    """Uniform numbers, drawn by name: the order of the options does not matter."""
    options = sorted(evaluator.net.choices()[choice])
    numbers = torch.rand(len(options), generator=evaluator.generator, device="cpu")
    return dict(zip(options, numbers.tolist()))
