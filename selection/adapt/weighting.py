"""How the weights of a mixture follow from alphas: told by the weights themselves, whoever wrote the formula."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import SelectionError, unknown
from ..gates import SURE

TOLERANCE = 0.02  # of a ratio of weights; half precision keeps it


class Sight(NamedTuple):
    """What one pass shows of one choice.

    Args:
        alpha: [options].
        weights: [options], up to a factor.
        gains: [options], d L / d log w_o of a function L of the output.
        slopes: [options], d L / d alpha_o; None where no gradient reaches the alphas.
    """

    alpha: Tensor
    weights: Tensor
    gains: Tensor
    slopes: Tensor | None


class Weighting(NamedTuple):
    """One way to make weights of alphas.

    Args:
        weigh: from alphas [options] to what options and edges are ranked by [options].
        commit: from a one-hot row [options] to alphas that give this option weight 1; None where no alphas do.
    """

    name: str
    weigh: Callable[[Tensor], Tensor]
    commit: Callable[[Tensor], Tensor] | None


def _spread(chosen: Tensor) -> Tensor:
    """Returns alphas so far apart that softmax and sigmoid of them are one-hot, without a gradient."""
    return SURE * (2.0 * chosen - 1.0)


def _share(weigh: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Returns the function to weights that add up to 1."""
    return lambda alpha: weigh(alpha) / weigh(alpha).sum(-1, keepdim=True)


def _take_softmax(alpha: Tensor) -> Tensor:
    return alpha.softmax(-1)


SOFTMAX = Weighting("softmax", _take_softmax, _spread)
SIGMOID = Weighting("sigmoid", torch.sigmoid, _spread)
LINEAR = Weighting("linear", torch.clone, torch.clone)
TOLD = (  # the first that fits is taken
    SOFTMAX,
    SIGMOID,
    LINEAR,
    Weighting("sigmoid over its sum", _share(torch.sigmoid), _spread),
    Weighting("alpha over its sum", _share(torch.clone), torch.clone),
    Weighting("exp", torch.exp, lambda chosen: SURE * (chosen - 1.0)),
)
SAMPLED = Weighting("sampled", _take_softmax, None)  # ranked as DrNAS does, by softmax(alpha)
UNKNOWN = Weighting("unknown", _take_softmax, None)
GIVEN = {weighting.name: weighting for weighting in (SOFTMAX, SIGMOID, LINEAR, SAMPLED)}


def find_weighting(name: object) -> Weighting:
    """Returns the weighting of a name, or raises SelectionError."""
    if not isinstance(name, str):
        raise SelectionError(f"weighting is one of {', '.join(GIVEN)}, not an object of type {type(name).__name__}")
    if name not in GIVEN:
        raise unknown("weighting", name, GIVEN)
    return GIVEN[name]


def tell_weighting(first: Sequence[Sight], second: Sequence[Sight]) -> Weighting:
    """Tells by which weighting alphas became weights.

    Args:
        first, second: what is seen of the same choices in two passes that drew different numbers.

    >>> alpha, gains = torch.tensor([0.5, 1.0, 1.5]), torch.ones(3)
    >>> still = [Sight(alpha, 3 * alpha.sigmoid(), gains, None)]
    >>> tell_weighting(still, still).name
    'sigmoid'
    >>> tell_weighting(still, [Sight(alpha, torch.tensor([0.1, 0.3, 0.6]), gains, None)]).name
    'sampled'
    """
    if not all(_are_proportional(sight.weights, other.weights) for sight, other in zip(first, second)):
        return SAMPLED
    for weighting in (*TOLD, _fit_temperature(first)):
        if all(_explains(weighting, sight) for sight in first):
            return weighting
    return UNKNOWN


def _explains(weighting: Weighting, sight: Sight) -> bool:
    """Whether the weights are these but for a factor, and, where that is seen, the slopes too, which tell whether they
    are divided by their sum."""
    if not _are_proportional(weighting.weigh(sight.alpha), sight.weights):
        return False
    if sight.slopes is None:
        return True
    with torch.enable_grad():
        alpha = sight.alpha.clone().requires_grad_()
        total = (sight.gains * weighting.weigh(alpha).log()).sum()
        (slopes,) = torch.autograd.grad(total, alpha)
    scale = float(sight.gains.abs().max())
    return torch.allclose(slopes, sight.slopes, rtol=TOLERANCE, atol=TOLERANCE * scale)


def _are_proportional(first: Tensor, second: Tensor) -> bool:
    shares = [weights / weights.sum() for weights in (first, second)]
    return torch.allclose(*shares, rtol=TOLERANCE, atol=1e-6)


def _fit_temperature(sights: Sequence[Sight]) -> Weighting:
    """Returns softmax(alpha / T) that is nearest to the weights, by least squares of their logarithms."""
    above, below = 0.0, 0.0
    for sight in sights:
        logarithms = sight.weights.clamp(min=1e-30).log()
        x, y = sight.alpha - sight.alpha.mean(), logarithms - logarithms.mean()
        above += float((x * x).sum())
        below += float((x * y).sum())
    temperature = above / below if below > 0 else 1.0
    return Weighting(f"softmax of alpha/{temperature:.3g}", lambda alpha: (alpha / temperature).softmax(-1), _spread)
