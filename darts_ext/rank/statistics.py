"""Rank correlations of scores with accuracies, their intervals, and the accuracy of the best by score."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
from scipy import stats

from selection import Spelling, calibrate, combined

from ..runtime.bootstrap import interval
from ..runtime.errors import unknown

DRAWS = 1000
BEST_OF = (10, 100, 1000)
TOP = 0.1  # the share of cells that are the top
GAINED = 1000  # cells that count for nDCG
SHORTLIST = 20


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


def pick_from_shortlist(
    scores: np.ndarray, judged: np.ndarray, accuracies: np.ndarray, number: int, seed: int = 0
) -> tuple[float, float]:
    """Computes mean and standard deviation of the accuracy of the cell that is `judged` best among the 20 best by score
    of `number` drawn at random; as `pick`."""
    if number > len(scores):
        return nan, nan
    rng = np.random.default_rng(seed)
    picked = []
    for _ in range(DRAWS):
        draw = rng.choice(len(scores), size=number, replace=False)
        shortlist = draw[np.argsort(-scores[draw], kind="stable")[:SHORTLIST]]
        picked.append(accuracies[shortlist[judged[shortlist].argmax()]])
    return float(np.mean(picked)), float(np.std(picked))


def ndcg(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Computes the normalised discounted cumulative gain of the 1,000 best by score (VKDNW, Tybl & Neumann 2025): the
    cell in place j gains (2^accuracy - 1) / log2(1 + j), accuracy between 0 and 1; 1 is the true order. Scores that
    are not per cent are taken as their place between the lowest and the highest.

    >>> ndcg(np.array([3.0, 2.0, 1.0]), np.array([90.0, 80.0, 70.0]))
    1.0
    """
    count = min(GAINED, len(scores))
    weights = 1 / np.log2(np.arange(2, count + 2))
    is_per_cent = accuracies.max() > 1
    lowest, highest = (0.0, 100.0) if is_per_cent else (accuracies.min(), accuracies.max())
    gains = np.exp2((accuracies - lowest) / max(highest - lowest, 1e-12)) - 1
    found = gains[np.argsort(-scores, kind="stable")[:count]] @ weights
    return float(found / (np.sort(gains)[::-1][:count] @ weights))


def precision_of_top(scores: np.ndarray, accuracies: np.ndarray) -> float:
    """Computes the share of the best tenth by score that is among the best tenth by accuracy.

    >>> precision_of_top(np.arange(20.0), np.arange(20.0)), precision_of_top(-np.arange(20.0), np.arange(20.0))
    (1.0, 0.0)
    """
    count = max(1, int(TOP * len(scores)))
    by_score = np.argsort(-scores, kind="stable")[:count]
    by_accuracy = np.argsort(-accuracies, kind="stable")[:count]
    return len(np.intersect1d(by_score, by_accuracy)) / count


def join_columns(spelling: Spelling, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Computes the scores of a combination "A+B+C" or "TNORM(A+B+C)".

    Each is calibrated by rank among the cells, then joined by the t-norm ("product", if none is named).

    >>> from selection import parse_measures
    >>> columns = {"meco": np.array([1.0, 2.0]), "naswot": np.array([9.0, 8.0])}
    >>> join_columns(parse_measures("minimum(meco+naswot)"), columns).tolist()
    [0.5, 0.5]
    """
    scores = {}
    for name in spelling.names:
        if name not in columns:
            raise unknown("measure", name, columns)
        scores[name] = orders(columns[name])
    return np.array(combined(scores, spelling.tnorm or "product"))


def over_repeats(values: np.ndarray) -> np.ndarray:
    """Computes one score a cell from those of its initialisations [repeats, cells].

    It is the mean of the cell's ranks in each, because units and infinities do not average.
    """
    ranks = [calibrate(orders(scores)) for scores in values]
    return np.mean(ranks, axis=0)


def rank_columns(
    columns: Mapping[str, np.ndarray],
    accuracies: Mapping[str, np.ndarray],
    parameters: np.ndarray,
    seconds: Mapping[str, float],
    judged: np.ndarray | None = None,
) -> list[dict]:
    """Returns a row for each measure, best first by Spearman's correlation on the first data set.

    Args:
        columns: {measure: score of each cell}.
        accuracies: {data set: test accuracy of each cell, per cent}.
        parameters: number of parameters of each cell's network.
        seconds: {measure: of one network}.
        judged: accuracy of each cell after brief training, by which a shortlist is judged again.
    """
    rows = []
    for name, scores in columns.items():
        row = _describe(name, orders(scores), accuracies, parameters, seconds.get(name, 0.0))
        if judged is not None:
            for dataset, accuracy in accuracies.items():
                column = f"{dataset}_shortlist_of_100"
                row[column], row[f"{column}_sd"] = pick_from_shortlist(orders(scores), judged, accuracy, 100)
        rows.append(row)
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
        row[f"{dataset}_ndcg"] = ndcg(scores, accuracy)
        row[f"{dataset}_top"] = precision_of_top(scores, accuracy)
    return row


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Computes Pearson's correlation; 0 where one of the two is constant."""
    a = a - a.mean()
    b = b - b.mean()
    norms = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norms if norms else 0.0
