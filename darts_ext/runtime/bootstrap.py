"""95 % bootstrap intervals, by the percentiles of resamples; needs numpy only."""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

PERCENTILES = (2.5, 97.5)


def interval(
    statistic: Callable[..., float], *columns: np.ndarray, resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % interval of a statistic of columns of equal length, whose rows are drawn together."""
    count = len(columns[0])
    rng = np.random.default_rng(seed)
    draws = [rng.integers(count, size=count) for _ in range(resamples)]
    values = []
    for draw in draws:
        values.append(statistic(*(column[draw] for column in columns)))
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def mean_interval(values: Sequence[float], resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Returns the 95 % interval of the mean, NaN without values; all resamples are drawn at once, for speed.

    >>> mean_interval([3.0, 3.0])
    (3.0, 3.0)
    """
    if not values:
        return nan, nan
    rng = np.random.default_rng(seed)
    means = rng.choice(values, (resamples, len(values))).mean(axis=1)
    low, high = np.percentile(means, PERCENTILES)
    return float(low), float(high)
