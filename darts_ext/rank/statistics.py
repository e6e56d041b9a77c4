"""How well scores order cells by accuracy: rank correlations with their intervals, and how good the pick is."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
from scipy import stats

from selection.combination import combined as joined
from selection.combination import spelt_out
from selection.numerics.tnorm import TNORMS, calibrate

from ..runtime.bootstrap import interval
from ..runtime.errors import unknown

DRAWS = 1000
BEST_OF = (10, 100, 1000)


def orders(values: Sequence[float]) -> np.ndarray:
    """Scores that can be ranked: what is not a number comes last."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(values), -np.inf, values)


def spearman(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where all scores are equal."""
    return _correlation(stats.rankdata(scores), stats.rankdata(accuracies))


def kendall(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Kendall's tau-b; 0 where all scores are equal."""
    tau = stats.kendalltau(stats.rankdata(scores), accuracies).statistic
    return 0.0 if np.isnan(tau) else float(tau)


def partial_spearman(scores: np.ndarray, accuracies: np.ndarray, given: np.ndarray) -> float:
    """The rank correlation that is left when what both share with a third quantity is taken out.

    >>> x = np.arange(10.0)
    >>> round(partial_spearman(x, x, -x), 6)
    0.0
    """
    both, with_scores, with_accuracies = (
        spearman(scores, accuracies),
        spearman(scores, given),
        spearman(accuracies, given),
    )
    rest = (1 - with_scores**2) * (1 - with_accuracies**2)
    return (both - with_scores * with_accuracies) / rest**0.5 if rest > 1e-12 else 0.0


def pick(scores: np.ndarray, accuracies: np.ndarray, number: int, seed: int = 0) -> tuple[float, float]:
    """Mean and standard deviation of the accuracy of the cell with the highest score among `number` drawn at random,
    over 1,000 draws; ties are broken at random. Not a number where there are not so many."""
    if number > len(scores):
        return nan, nan
    rng, accuracies_of = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        draw = rng.choice(len(scores), size=number, replace=False)
        accuracies_of.append(accuracies[draw[scores[draw].argmax()]])
    return float(np.mean(accuracies_of)), float(np.std(accuracies_of))


def combined(name: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The scores of a combination "A+B+C" or "TNORM:A+B+C": each calibrated by rank among the cells, then joined by the
    t-norm ("product", if none is named).

    >>> combined("minimum:a+b", {"a": np.array([1.0, 2.0]), "b": np.array([9.0, 8.0])}).tolist()
    [0.5, 0.5]
    """
    norm, _, names = name.rpartition(":")
    names = spelt_out(names)
    for part in names.split("+"):
        if part not in columns:
            raise unknown("measure", part, columns)
    if norm and norm not in TNORMS:
        raise unknown("t-norm", norm, TNORMS)
    return np.array(joined({part: orders(columns[part]) for part in names.split("+")}, norm or "product"))


def over_repeats(values: np.ndarray) -> np.ndarray:
    """One score a cell from those of its initialisations [repeats, cells]: the mean of its ranks in each, because units
    and infinities do not average."""
    return np.mean([calibrate(orders(row)) for row in values], axis=0)


def leaderboard(
    columns: Mapping[str, np.ndarray],
    accuracies: Mapping[str, np.ndarray],
    parameters: np.ndarray,
    seconds: Mapping[str, float],
) -> list[dict]:
    """A row for each measure, best first by Spearman's correlation on the first data set.

    Args:
        columns: {measure: score of each cell}. accuracies: {data set: test accuracy of each cell, per cent}. seconds:
            {measure: of one network}.
    """
    rows = [
        _row(name, orders(scores), accuracies, parameters, seconds.get(name, 0.0)) for name, scores in columns.items()
    ]
    first = next(iter(accuracies))
    return sorted(rows, key=lambda row: -row[f"{first}_spearman"])


def _row(
    name: str, scores: np.ndarray, accuracies: Mapping[str, np.ndarray], parameters: np.ndarray, seconds: float
) -> dict:
    row: dict[str, object] = {"measure": name, "cells": len(scores), "seconds": seconds}
    for dataset, reached in accuracies.items():
        row[f"{dataset}_spearman"] = spearman(scores, reached)
        row[f"{dataset}_spearman_low"], row[f"{dataset}_spearman_high"] = interval(spearman, scores, reached)
        row[f"{dataset}_kendall"] = kendall(scores, reached)
        row[f"{dataset}_kendall_low"], row[f"{dataset}_kendall_high"] = interval(kendall, scores, reached)
        row[f"{dataset}_partial"] = partial_spearman(scores, reached, parameters)
        for number in BEST_OF:
            row[f"{dataset}_best_of_{number}"], row[f"{dataset}_best_of_{number}_sd"] = pick(scores, reached, number)
    return row


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    norms = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norms if norms else 0.0
