"""How well training-free measures order random architectures by the accuracy that they reach."""

from math import isfinite, isnan

from .headline import BASELINES
from .runfolder import Rows, column, number
from .scatter import scatter
from .tables import amount

SIGNED = "{:+.3f}"


def measure_rows(measures: Rows) -> list[dict]:
    """Rows of the table, as text.

    >>> measure_rows([{"measure": "ntk_min", "kendall": "0.5", "low": "0.3", "high": "0.7"}])
    [{'name': 'ntk_min', 'baseline': False, 'cells': ['+0.500', '[+0.300, +0.700]']}]
    """
    return [
        {
            "name": row["measure"],
            "baseline": row["measure"] in BASELINES,
            "cells": ["the same for all", ""]
            if isnan(number(row, "kendall"))
            else [SIGNED.format(number(row, "kendall")), _span(row)],
        }
        for row in measures
    ]


def _span(row: dict[str, str]) -> str:
    return f"[{amount(number(row, 'low'), SIGNED)}, {amount(number(row, 'high'), SIGNED)}]"


def measure_scatters(measures: Rows, population: Rows) -> list[str]:
    """A plot for each measure that tells architectures apart: test accuracy over the measure's rank."""
    accuracies, found = column(population, "test_accuracy"), []
    for row in measures:
        scores = column(population, row["measure"])
        if len(set(scores)) > 1:
            ordered = sorted({score for score in scores if isfinite(score)})
            ranks = [float(ordered.index(score) + 1) if isfinite(score) else 0.0 for score in scores]
            note = f"tau {amount(number(row, 'kendall'), SIGNED)}"
            found.append(scatter(ranks, accuracies, title=row["measure"], x_label="rank of the measure", note=note))
    return found
