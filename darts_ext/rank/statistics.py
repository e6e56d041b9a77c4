"""Rank correlations of scores with accuracies, their intervals, and the accuracy of the best by score."""

from collections.abc import Callable, Mapping, Sequence
from math import nan

import numpy as np
from scipy import stats

from selection.combination import combined as joined
from selection.combination import spelt_out
from selection.numerics.tnorm import TNORMS, calibrate

from ..runtime.errors import unknown

DRAWS = 1000
BEST_OF = (10, 100, 1000)


def orders(values: Sequence[float]) -> np.ndarray:
    """Returns scores that can be ranked: NaN becomes -inf, and so comes last."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(values), -np.inf, values)


def spearman(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Computes Spearman's rank correlation; 0 where all scores are equal."""
    return _correlation(stats.rankdata(scores), stats.rankdata(accuracies))


def kendall(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Computes Kendall's tau-b; 0 where all scores are equal."""
    tau = stats.kendalltau(stats.rankdata(scores), accuracies).statistic
    return 0.0 if np.isnan(tau) else float(tau)


def partial_spearman(scores: np.ndarray, accuracies: np.ndarray, control: np.ndarray) -> float:
    """Computes the rank correlation that is left when what both share with a third quantity is taken out.

    >>> x = np.arange(10.0)
    >>> round(partial_spearman(x, x, -x), 6)
    0.0
    """
    correlation = spearman(scores, accuracies)
    with_scores = spearman(scores, control)
    with_accuracies = spearman(accuracies, control)
    unexplained = (1 - with_scores**2) * (1 - with_accuracies**2)
    if unexplained > 1e-12:
        return (correlation - with_scores * with_accuracies) / unexplained**0.5
    return 0.0


def interval(
    statistic: Callable[..., float], *columns: np.ndarray, resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Computes the 95 % bootstrap interval of a statistic over the cells (percentile)."""
    rng = np.random.default_rng(seed)
    count = len(columns[0])
    values = []
    for _ in range(resamples):
        draw = rng.integers(count, size=count)
        resampled = [column[draw] for column in columns]
        values.append(statistic(*resampled))
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def pick(scores: np.ndarray, accuracies: np.ndarray, number: int, seed: int = 0) -> tuple[float, float]:
    """Computes mean and standard deviation of the accuracy of the best cell by score among `number` drawn at random.

    Over 1,000 draws; ties are broken at random. NaN where there are fewer than `number` cells.
    """
    if number > len(scores):
        return nan, nan
    rng = np.random.default_rng(seed)
    picked = []
    for _ in range(DRAWS):
        draw = rng.choice(len(scores), size=number, replace=False)
        best = draw[scores[draw].argmax()]
        picked.append(accuracies[best])
    return float(np.mean(picked)), float(np.std(picked))


def combined(name: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Computes the scores of a combination "A+B+C" or "TNORM:A+B+C".

    Each is calibrated by rank among the cells, then joined by the t-norm ("product", if none is named).

    >>> combined("minimum:a+b", {"a": np.array([1.0, 2.0]), "b": np.array([9.0, 8.0])}).tolist()
    [0.5, 0.5]
    """
    norm, _, names = name.rpartition(":")
    measures = spelt_out(names).split("+")
    for measure in measures:
        if measure not in columns:
            raise unknown("measure", measure, columns)
    if norm and norm not in TNORMS:
        raise unknown("t-norm", norm, TNORMS)
    scores = {measure: orders(columns[measure]) for measure in measures}
    return np.array(joined(scores, norm or "product"))


def over_repeats(values: np.ndarray) -> np.ndarray:
    """Computes one score a cell from those of its initialisations [repeats, cells].

    It is the mean of the cell's ranks in each, because units and infinities do not average.
    """
    ranks = [calibrate(orders(scores)) for scores in values]
    return np.mean(ranks, axis=0)


def leaderboard(
    columns: Mapping[str, np.ndarray],
    accuracies: Mapping[str, np.ndarray],
    parameters: np.ndarray,
    seconds: Mapping[str, float],
) -> list[dict]:
    """Returns a row for each measure, best first by Spearman's correlation on the first data set.

    Args:
        columns: {measure: score of each cell}.
        accuracies: {data set: test accuracy of each cell, per cent}.
        parameters: number of parameters of each cell's network.
        seconds: {measure: of one network}.
    """
    rows = []
    for name, scores in columns.items():
        rows.append(_describe(name, orders(scores), accuracies, parameters, seconds.get(name, 0.0)))
    first = next(iter(accuracies))
    return sorted(rows, key=lambda row: -row[f"{first}_spearman"])


def _describe(
    measure: str, scores: np.ndarray, accuracies: Mapping[str, np.ndarray], parameters: np.ndarray, seconds: float
) -> dict:
    row: dict[str, object] = {"measure": measure, "cells": len(scores), "seconds": seconds}
    for dataset, accuracy in accuracies.items():
        for name, statistic in (("spearman", spearman), ("kendall", kendall)):
            column = f"{dataset}_{name}"
            row[column] = statistic(scores, accuracy)
            row[f"{column}_low"], row[f"{column}_high"] = interval(statistic, scores, accuracy)
        row[f"{dataset}_partial"] = partial_spearman(scores, accuracy, parameters)
        for number in BEST_OF:
            column = f"{dataset}_best_of_{number}"
            row[column], row[f"{column}_sd"] = pick(scores, accuracy, number)
    return row


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Computes Pearson's correlation; 0 where one of the two is constant."""
    a = a - a.mean()
    b = b - b.mean()
    norms = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norms if norms else 0.0
