"""The page about a leaderboard: one table, and a scatter plot for each measure."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from ..runtime.files import write_whole
from ..tabular import TABLES
from .amounts import format_mean
from .charts.scatter import draw_scatter
from .labels import BASELINES
from .template import fill_template

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "in16": "ImageNet16-120"}
SQUEEZED = 0.1  # share of cells below what is drawn: a few broken ones would squeeze the rest into a line
BEST_OF = (10, 100, 1000)


def write_ranking(
    folder: Path, rows: Sequence[Mapping], columns: Mapping[str, np.ndarray], accuracies: Mapping[str, np.ndarray]
) -> Path:
    """Writes report.html into the folder and returns its path.

    Args:
        folder: of the results.
        rows: of the leaderboard, best first.
        columns: {measure: score of each cell}.
        accuracies: {data set: accuracy of each cell, per cent}.
    """
    page = folder / "report.html"
    first = next(iter(accuracies))
    lowest = float(f"{np.quantile(accuracies[first], SQUEEZED):.2g}")
    html = fill_template(
        "ranking.html",
        name=folder.resolve().name,
        titles=[_title(name) for name in accuracies],
        baselines=BASELINES,
        sentences=_write_sentences(rows, first),
        rows=[{"name": row["measure"], "cells": _format_cells(row, list(accuracies))} for row in rows],
        pictures=[_draw_measure(row, columns[row["measure"]], accuracies[first], first, lowest) for row in rows],
        cells=len(accuracies[first]),
        lowest=f"{lowest:g}",
        benchmark=_find_benchmark(accuracies),
        has_shortlists=f"{first}_shortlist_of_100" in rows[0],
        first=_title(first),
    )
    write_whole(page, html)
    return page


def _find_benchmark(datasets: Iterable[str]) -> str:
    """Returns the name of the benchmark that has these data sets."""
    return next(table.name for table in TABLES.values() if set(datasets) <= set(table.datasets))


def _title(dataset: str) -> str:
    return TITLES.get(dataset, dataset.replace("_", " "))


def _write_sentences(rows: Sequence[Mapping], dataset: str) -> list[str]:
    """The best measure, and whether its interval clears that of the number of parameters."""
    best = rows[0]
    size = next((row for row in rows if row["measure"] == "parameters"), None)
    name = f"{dataset}_spearman"
    lead = (
        f"{best['measure']} orders the cells best: Spearman {best[name]:.3f} with the test accuracy on "
        f"{_title(dataset)}."
    )
    if size is None:
        return [f"{lead} The number of parameters, the baseline, was not taken."]
    if best is size:
        return [lead, "That is the baseline: no other measure beats the number of parameters here."]
    if best[f"{name}_low"] > size[f"{name}_high"]:
        verdict = "clear of its interval"
    else:
        verdict = "but the intervals overlap: these cells do not show that it is better"
    baseline = f"The number of parameters reaches {_format_interval(size, name)}; the best is above it, {verdict}."
    return [lead, baseline]


def _format_cells(row: Mapping, datasets: Sequence[str]) -> list[str]:
    """The columns of the table, as text; intervals for the first data set only."""
    first, *others = datasets
    cells = [_format_interval(row, f"{first}_spearman")]
    cells += [f"{row[f'{dataset}_spearman']:.3f}" for dataset in others]
    cells.append(_format_interval(row, f"{first}_kendall"))
    cells.append(f"{row[f'{first}_partial']:.3f}")
    cells += _format_best(row, first)
    if f"{first}_shortlist_of_100" in row:
        cells.append(format_mean(row[f"{first}_shortlist_of_100"], row[f"{first}_shortlist_of_100_sd"]))
    cells += [f"{row[f'{first}_ndcg']:.3f}", f"{row[f'{first}_top']:.2f}"]
    cells.append(f"{row['seconds']:.2f}")
    return cells


def _format_interval(row: Mapping, name: str) -> str:
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def _format_best(row: Mapping, dataset: str) -> Iterable[str]:
    for number in BEST_OF:
        name = f"{dataset}_best_of_{number}"
        yield format_mean(row[name], row[f"{name}_sd"])


def _draw_measure(row: Mapping, scores: np.ndarray, accuracies: np.ndarray, dataset: str, lowest: float) -> str:
    """A score that is not a number ranks last."""
    comparable = np.where(np.isnan(scores), -np.inf, scores)
    ranks = rankdata(comparable) / len(scores)
    return draw_scatter(
        ranks.tolist(),
        accuracies.tolist(),
        title=row["measure"],
        x_label="rank of the score",
        note=f"{row[f'{dataset}_spearman']:.3f}",
        low=lowest,
    )
