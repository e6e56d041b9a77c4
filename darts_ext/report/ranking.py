"""The page about a leaderboard: one table, and a scatter plot for each measure."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from math import isnan
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from scipy.stats import rankdata

from ..runtime.files import write_whole
from .scatter import scatter

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "in16": "ImageNet16-120"}
BASELINES = ("random", "parameters")
LOWEST = 60  # per cent, of what is drawn: a few broken cells would squeeze the rest into a line


def write_ranking(
    folder: Path, rows: Sequence[Mapping], columns: Mapping[str, np.ndarray], accuracies: Mapping[str, np.ndarray]
) -> Path:
    """Writes report.html into the folder and returns its path.

    Args:
        rows: of the leaderboard, best first. columns: {measure: score of each cell}. accuracies: {data set: of each
            cell, per cent}.
    """
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = folder / "report.html"
    shared = {
        name: files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("ranking.html", "page.css")
    }
    template = jinja.from_string(shared["ranking.html"])
    first = next(iter(accuracies))
    write_whole(
        page,
        template.render(
            name=folder.resolve().name,
            style=shared["page.css"],
            titles=[TITLES.get(name, name) for name in accuracies],
            baselines=BASELINES,
            sentences=_sentences(rows, first),
            rows=[_line(row, accuracies) for row in rows],
            pictures=[_picture(row, columns[row["measure"]], accuracies[first], first) for row in rows],
            cells=len(accuracies[first]),
            lowest=LOWEST,
            first=TITLES.get(first, first),
        ),
    )
    return page


def _sentences(rows: Sequence[Mapping], dataset: str) -> list[str]:
    """The best measure, and whether its interval clears that of the number of parameters."""
    best, size = rows[0], next(row for row in rows if row["measure"] == "parameters")
    name = f"{dataset}_spearman"
    said = [
        f"{best['measure']} orders the cells best: Spearman {best[name]:.3f} with the test accuracy on "
        f"{TITLES.get(dataset, dataset)}."
    ]
    if best is size:
        return [*said, "That is the baseline: no other measure beats the number of parameters here."]
    clear = best[f"{name}_low"] > size[f"{name}_high"]
    beats = "clear of its interval" if clear else "but the intervals overlap: these cells do not show that it is better"
    return [
        *said,
        f"The number of parameters reaches {size[name]:.3f} [{size[f'{name}_low']:.3f}, {size[f'{name}_high']:.3f}]; "
        f"the best is above it, {beats}.",
    ]


def _line(row: Mapping, datasets: Mapping) -> dict:
    """A row of the table, as text."""

    def span(name: str) -> str:
        return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"

    first = next(iter(datasets))
    return {
        "name": row["measure"],
        "cells": [
            span(f"{first}_spearman"),
            *(f"{row[f'{dataset}_spearman']:.3f}" for dataset in datasets if dataset != first),
            span(f"{first}_kendall"),
            f"{row[f'{first}_partial']:.3f}",
            *(
                _best(row[f"{first}_best_of_{number}"], row[f"{first}_best_of_{number}_sd"])
                for number in (10, 100, 1000)
            ),
            f"{row['seconds']:.2f}",
        ],
    }


def _picture(row: Mapping, scores: np.ndarray, accuracies: np.ndarray, dataset: str) -> str:
    ranks = rankdata(np.where(np.isnan(scores), -np.inf, scores)) / len(scores)
    return scatter(
        ranks.tolist(),
        accuracies.tolist(),
        title=row["measure"],
        x_label="rank of the score",
        note=f"{row[f'{dataset}_spearman']:.3f}",
        low=LOWEST,
    )


def _best(mean: float, spread: float) -> str:
    return "\u2013" if isnan(mean) else f"{mean:.2f}\u00a0±\u00a0{spread:.2f}"
