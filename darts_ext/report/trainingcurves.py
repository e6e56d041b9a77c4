"""Curves over the epochs of a search or of retraining."""

from math import isnan, nan

import numpy as np

from .charts.linechart import Line, draw_lines, find_last
from .charts.palette import MAGNITUDE, QUIET
from .picks import draw_run_picks
from .resultfiles import Rows, column

SIZE = (296, 200)  # four of them side by side on a wide page
SEARCH_COLUMNS = {
    "skip_share": "share of skip_connect",
    "added_skip_share": "share of added skips",
    "entropy_mean": "mean entropy of alpha",
    "curvature": "curvature in alpha",
}


def draw_search_curves(epochs: Rows) -> list[str]:
    """Returns charts of accuracy, loss, shares of skips, entropy and picks over the epochs of a search."""
    if not epochs or "val_accuracy" not in epochs[0]:  # none, or imported without its history
        return []
    charts = _draw_two_sets(epochs, "val", "validation")
    for name, title in SEARCH_COLUMNS.items():
        if name in epochs[0]:
            line = Line(title, _fill_gaps(column(epochs, name)), MAGNITUDE)
            charts.append(draw_lines([line], title=title, low=0, size=SIZE, legend=False))
    return charts + draw_run_picks(epochs, SIZE)


def _fill_gaps(values: list[float]) -> list[float]:
    """Joins what is not measured in every epoch by straight lines.

    >>> _fill_gaps([1.0, float("nan"), 3.0, float("nan")])
    [1.0, 2.0, 3.0, nan]
    """
    known = [index for index, value in enumerate(values) if not isnan(value)]
    if not known:
        return values
    measured = [values[index] for index in known]
    return np.interp(range(len(values)), known, measured, right=nan).tolist()


def draw_retraining_curves(epochs: Rows) -> list[str]:
    """Returns charts of accuracy and loss over the epochs of retraining."""
    return _draw_two_sets(epochs, "test", "test") if epochs else []


def _draw_two_sets(epochs: Rows, other: str, label: str) -> list[str]:
    """Accuracy and loss of the training set and of another."""
    charts = []
    for quantity, unit in (("accuracy", "%"), ("loss", "")):
        train = Line("train", column(epochs, f"train_{quantity}"), QUIET, "5 3")
        held_out = Line(label, column(epochs, f"{other}_{quantity}"), MAGNITUDE)
        final = find_last(held_out.values)
        note = "" if isnan(final) else f"{label} {final:.4g}"
        charts.append(draw_lines([train, held_out], title=quantity, unit=unit, size=SIZE, note=note))
    return charts
