"""The leaderboard: how well each measure, and each combination of them, orders cells by test accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from selection import Spelling

from ..tabular import DATASETS, NasBench201
from .cells import representatives
from .statistics import join_columns, over_repeats, rank_columns

SIZES = ("parameters", "flops")  # only in these can cells differ that compute the same


@dataclass(frozen=True)
class Leaderboard:
    """The outcome of a ranking.

    Args:
        folder: of the ranking.
        rows: one a measure, best first.
        columns: {measure: its score of each cell}.
        accuracies: {data set: test accuracy of each cell, per cent}.
    """

    folder: Path
    rows: list[dict]
    columns: dict[str, np.ndarray]
    accuracies: dict[str, np.ndarray]


def make_leaderboard(
    folder: Path,
    table: NasBench201,
    cells: Sequence[int],
    asked: Sequence[Spelling],
    scored: Sequence[str],
    repeats: int,
    scores: Sequence[dict],
) -> Leaderboard:
    """Makes the leaderboard of all measures that were scored, and of the combinations that were asked for."""
    columns = {"random": np.random.default_rng(0).random(len(cells))}
    columns |= _collect_columns(table, cells, scored, repeats, scores)
    for spelling in asked:
        if spelling.joined not in scored:
            columns[spelling.criterion] = join_columns(spelling, columns)
    accuracies = {dataset: table.test(dataset)[cells] for dataset in DATASETS}
    seconds = {}
    for name in scored:
        seconds[name] = float(np.mean([float(row["seconds"]) for row in scores if row["measure"] == name]))
    rows = rank_columns(columns, accuracies, table.parameters[cells], seconds, table.brief_validation[cells])
    return Leaderboard(folder, rows, columns, accuracies)


def _collect_columns(
    table: NasBench201, cells: Sequence[int], scored: Sequence[str], repeats: int, scores: Sequence[dict]
) -> dict[str, np.ndarray]:
    """Returns {measure: its score of each cell}; a cell has the score of the first that computes the same."""
    values = {}
    for row in scores:
        values[row["measure"], int(row["index"]), int(row["repeat"])] = float(row["value"])
    first = representatives(table, cells)
    columns = {}
    for name in scored:
        if name in SIZES:
            columns[name] = np.array([values[name, cell, 0] for cell in cells])
            continue
        by_repeat = []
        for repeat in range(repeats):
            by_repeat.append([values[name, first[cell], repeat] for cell in cells])
        columns[name] = over_repeats(np.array(by_repeat))
    return columns


def render(rows: Sequence[dict]) -> str:
    """Renders the leaderboard for the terminal."""
    head = f"{'measure':64} {'cifar10':>20} {'cifar100':>8} {'in16':>6} {'given size':>10} {'best of 100':>14}"
    lines = [f"{head} {'best of 20':>14} {'nDCG':>6} {'top':>5} {'seconds':>8}"]
    for row in rows:
        low, high = row["cifar10_spearman_low"], row["cifar10_spearman_high"]
        interval = f"{row['cifar10_spearman']:.3f} [{low:.3f}, {high:.3f}]"
        picks = [_render_pick(row, f"cifar10_{name}_of_100") for name in ("best", "shortlist")]
        top = f"{row['cifar10_ndcg']:6.3f} {row['cifar10_top']:5.2f}"
        others = f"{row['cifar100_spearman']:8.3f} {row['in16_spearman']:6.3f} {row['cifar10_partial']:10.3f}"
        lines.append(
            f"{row['measure']:64} {interval:>20} {others} {picks[0]:>14} {picks[1]:>14} {top} {row['seconds']:8.2f}"
        )
    lines.append(
        "best of 20: of the 20 best of 100, the best after 12 epochs; top: share of the best tenth that is there"
    )
    return "\n".join(lines)


def _render_pick(row: dict, column: str) -> str:
    return "" if isnan(row[column]) else f"{row[column]:.2f} ± {row[f'{column}_sd']:.2f}"
