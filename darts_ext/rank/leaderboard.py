"""The leaderboard: how well each measure, and each combination of them, orders cells by test accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from selection import Spelling

from ..tabular import Table
from .cells import representatives
from .statistics import join_columns, orders, over_repeats, pick, rank_columns

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
    table: Table,
    cells: Sequence[int],
    asked: Sequence[Spelling],
    scored: Sequence[str],
    repeats: int,
    scores: Sequence[dict],
    near: Sequence[int] = (),
) -> Leaderboard:
    """Makes the leaderboard of all measures that were scored, and of the combinations that were asked for.

    Args:
        near: the cells among which a local search chooses.
    """
    first = representatives(table, [*cells, *near])
    columns = _collect_columns(first, cells, asked, scored, repeats, scores)
    accuracies = {dataset: table.test(dataset)[cells] for dataset in table.datasets}
    seconds = {}
    for name in scored:
        seconds[name] = float(np.mean([float(row["seconds"]) for row in scores if row["measure"] == name]))
    judged = None if table.brief_validation is None else table.brief_validation[cells]
    rows = rank_columns(columns, accuracies, table.parameters[cells], seconds, judged)
    if near:
        nearby = _collect_columns(first, near, asked, scored, repeats, scores)
        for row in rows:
            for dataset in table.datasets:
                row[f"{dataset}_local"] = pick(orders(nearby[row["measure"]]), table.test(dataset)[near], len(near))[0]
    return Leaderboard(folder, rows, columns, accuracies)


def _collect_columns(
    first: Mapping[int, int],
    cells: Sequence[int],
    asked: Sequence[Spelling],
    scored: Sequence[str],
    repeats: int,
    scores: Sequence[dict],
) -> dict[str, np.ndarray]:
    """Returns {measure or combination: its score of each cell}; a cell has the score of the `first` that computes the
    same."""
    values = {}
    for row in scores:
        values[row["measure"], int(row["index"]), int(row["repeat"])] = float(row["value"])
    columns = {"random": np.random.default_rng(0).random(len(cells))}
    for name in scored:
        if name in SIZES:
            columns[name] = np.array([values[name, cell, 0] for cell in cells])
            continue
        by_repeat = []
        for repeat in range(repeats):
            by_repeat.append([values[name, first[cell], repeat] for cell in cells])
        columns[name] = over_repeats(np.array(by_repeat))
    for spelling in asked:
        if spelling.joined not in scored:
            columns[spelling.criterion] = join_columns(spelling, columns)
    return columns


def render(rows: Sequence[dict], datasets: Sequence[str]) -> str:
    """Renders the leaderboard for the terminal."""
    first, *others = datasets
    width = max(len(row["measure"]) for row in rows)
    has_shortlist = f"{first}_shortlist_of_100" in rows[0]
    has_local = f"{first}_local" in rows[0]
    columns = ["best", *(["shortlist"] if has_shortlist else [])]
    head = [f"{'measure':{width}} {first:>20}", *(f"{name[:12]:>{_width(name)}}" for name in others)]
    head += [f"{'given size':>10} {'best of 100':>14}", *([f"{'best of 20':>14}"] if has_shortlist else [])]
    head += [f"{'local':>6}"] if has_local else []
    lines = [" ".join([*head, f"{'nDCG':>6} {'top':>5} {'seconds':>8}"])]
    for row in rows:
        low, high = row[f"{first}_spearman_low"], row[f"{first}_spearman_high"]
        interval = f"{row[f'{first}_spearman']:.3f} [{low:.3f}, {high:.3f}]"
        cells = [f"{row['measure']:{width}} {interval:>20}"]
        cells += [f"{row[f'{name}_spearman']:{_width(name)}.3f}" for name in others]
        cells.append(f"{row[f'{first}_partial']:10.3f}")
        cells += [f"{_render_pick(row, f'{first}_{name}_of_100'):>14}" for name in columns]
        cells += [f"{row[f'{first}_local']:6.2f}"] if has_local else []
        cells.append(f"{row[f'{first}_ndcg']:6.3f} {row[f'{first}_top']:5.2f} {row['seconds']:8.2f}")
        lines.append(" ".join(cells))
    lines.append("top: the share of the best tenth by score that is among the best tenth by accuracy")
    if has_shortlist:
        lines.append("best of 20: of the 20 best by score of 100, the best after 12 epochs of training")
    if has_local:
        lines.append("local: what is taken of the largest cell and those that differ from it in one edge")
    return "\n".join(lines)


def _width(dataset: str) -> int:
    return max(8, min(12, len(dataset)))


def _render_pick(row: dict, column: str) -> str:
    return "" if isnan(row[column]) else f"{row[column]:.2f} ± {row[f'{column}_sd']:.2f}"
