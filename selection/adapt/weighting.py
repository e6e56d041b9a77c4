"""How the weights of a mixture follow from alphas: told by the weights themselves, of whoever wrote the formula."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SelectionError, unknown
from ..gates import SURE

TOLERANCE = 0.02  # of a ratio of weights; half precision keeps it
Sight = list[tuple[Tensor, Tensor]]  # alphas [options] of a choice, and its weights [options], up to a factor


def _take_softmax(alpha: Tensor) -> Tensor:
    return alpha.softmax(-1)


def _take_itself(alpha: Tensor) -> Tensor:
    return alpha.clone()


def _spread(chosen: Tensor) -> Tensor:
    """Returns alphas so far apart that softmax and sigmoid of them are one-hot, without a gradient."""
    return SURE * (2.0 * chosen - 1.0)


def _take_one_hot(chosen: Tensor) -> Tensor:
    return chosen


@dataclass(frozen=True)
class Weighting:
    """One way to make weights of alphas.

    Args:
        weigh: from alphas [options] to what options and edges are ranked by [options].
        commit: from a one-hot row [options] to alphas that give this option weight 1; None where no alphas do.
    """

    name: str
    weigh: Callable[[Tensor], Tensor]
    commit: Callable[[Tensor], Tensor] | None

    def __str__(self) -> str:
        return self.name


SOFTMAX = Weighting("softmax", _take_softmax, _spread)
SIGMOID = Weighting("sigmoid", torch.sigmoid, _spread)
LINEAR = Weighting("linear", _take_itself, _take_one_hot)
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


def tell_weighting(first: Sight, second: Sight) -> Weighting:
    """Tells by which weighting alphas became weights, from two passes that drew different numbers.

    >>> alpha = torch.tensor([0.5, 1.0, 1.5])
    >>> print(tell_weighting([(alpha, 3 * alpha.sigmoid())], [(alpha, 3 * alpha.sigmoid())]))
    sigmoid
    >>> print(tell_weighting([(alpha, torch.tensor([0.2, 0.5, 0.3]))], [(alpha, torch.tensor([0.1, 0.3, 0.6]))]))
    sampled
    """
    pairs = zip(first, second)
    if not all(_are_proportional(weights, others) for (_, weights), (_, others) in pairs):
        return SAMPLED
    for weighting in (SOFTMAX, SIGMOID, LINEAR):
        if all(_are_proportional(weighting.weigh(alpha), weights) for alpha, weights in first):
            return weighting
    temperature = _fit_temperature(first)
    scaled = Weighting(f"softmax of alpha/{temperature:.3g}", lambda alpha: (alpha / temperature).softmax(-1), _spread)
    if all(_are_proportional(scaled.weigh(alpha), weights) for alpha, weights in first):
        return scaled
    return UNKNOWN


def _are_proportional(first: Tensor, second: Tensor) -> bool:
    shares = [weights / weights.sum() for weights in (first, second)]
    return torch.allclose(*shares, rtol=TOLERANCE, atol=1e-6)


def _fit_temperature(sight: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Returns T for which the weights are nearest to softmax(alpha / T), by least squares of their logarithms."""
    above, below = 0.0, 0.0
    for alpha, weights in sight:
        logarithms = weights.clamp(min=1e-30).log()
        x, y = alpha - alpha.mean(), logarithms - logarithms.mean()
        above += float((x * x).sum())
        below += float((x * y).sum())
    return above / below if below > 0 else 1.0
