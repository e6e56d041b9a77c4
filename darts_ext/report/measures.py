"""How well zero-cost proxies order random architectures by the accuracy that they reach after training."""

from collections.abc import Mapping, Sequence
from math import isfinite, isnan

from .amounts import format_amount
from .charts.scatter import draw_scatter
from .labels import BASELINES
from .resultfiles import Rows, column, number

SIGNED = "{:+.3f}"


def tabulate_measures(measures: Rows) -> list[dict]:
    """Returns the rows of the table, as text.

    >>> tabulate_measures([{"measure": "ntk_min", "kendall": "0.5", "low": "0.3", "high": "0.7"}])
    [{'name': 'ntk_min', 'baseline': False, 'cells': ['+0.500', '[+0.300, +0.700]']}]
    """
    rows = []
    for row in measures:
        name = row["measure"]
        rows.append({"name": name, "baseline": name in BASELINES, "cells": _format_correlation(row)})
    return rows


def _format_correlation(row: Mapping[str, str]) -> list[str]:
    """Kendall's tau and its interval."""
    tau = number(row, "kendall")
    if isnan(tau):
        return ["the same for all", ""]
    low = format_amount(number(row, "low"), SIGNED)
    high = format_amount(number(row, "high"), SIGNED)
    return [SIGNED.format(tau), f"[{low}, {high}]"]


def draw_measures(measures: Rows, population: Rows) -> list[str]:
    """Returns a plot for each measure that tells architectures apart: test accuracy over the measure's rank."""
    accuracies = column(population, "test_accuracy")
    plots = []
    for row in measures:
        name = row["measure"]
        scores = column(population, name)
        if len(set(scores)) > 1:
            note = f"tau {format_amount(number(row, 'kendall'), SIGNED)}"
            ranks = _rank(scores)
            plots.append(draw_scatter(ranks, accuracies, title=name, x_label="rank of the measure", note=note))
    return plots


def _rank(scores: Sequence[float]) -> list[float]:
    """Ranks from 1; equal scores share one, and what is no number has rank 0."""
    ordered = sorted({score for score in scores if isfinite(score)})
    rank_of = {score: float(rank) for rank, score in enumerate(ordered, start=1)}
    return [rank_of.get(score, 0.0) for score in scores]
