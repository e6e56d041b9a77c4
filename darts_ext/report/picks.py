"""What each criterion would choose while the supernets train, by its accuracy in NAS-Bench-201.

Besides, how many skip connections alpha would choose.
"""

from collections.abc import Sequence
from itertools import zip_longest
from math import isnan, nan

import numpy as np

from ..runtime.bootstrap import mean_interval
from .charts.linechart import Line, draw_lines, find_last
from .charts.palette import MAGNITUDE, QUIET
from .labels import label_criterion
from .resultfiles import Rows, column
from .runfolder import Run

SIZE = (700, 300)
PICK_LOOKS = ((QUIET, "5 3"), (MAGNITUDE, ""), ("#b43717", ""), ("#289053", ""), ("#8346f7", ""), ("#cc8a23", ""))
COLUMN = "table_cifar10"  # of what alpha would choose; table_cifar10:NAME of another criterion


def read_picks(epochs: Rows) -> dict[str, list[float]]:
    """Returns the CIFAR-10 accuracy in NAS-Bench-201 of what each criterion would choose, epoch by epoch.

    In an epoch in which a criterion was not asked, its accuracy is that of the epoch before.

    >>> epochs = [{"table_cifar10": "9", "table_cifar10:ntk": ""}, {"table_cifar10": "8", "table_cifar10:ntk": "7"}]
    >>> read_picks([*epochs, {"table_cifar10": "6"}])
    {'magnitude': [9.0, 8.0, 6.0], 'ntk': [nan, 7.0, 7.0]}
    """
    picks = {}
    for name in dict.fromkeys(name for row in epochs for name in row):
        prefix, _, criterion = name.partition(":")
        if prefix == COLUMN:
            picks[criterion or "magnitude"] = _fill_gaps(column(epochs, name))
    return picks


def _fill_gaps(values: Sequence[float]) -> list[float]:
    filled: list[float] = []
    for value in values:
        if isnan(value) and filled:
            value = filled[-1]
        filled.append(value)
    return filled


def draw_run_picks(epochs: Rows, size: tuple[int, int]) -> list[str]:
    """Returns a chart of one search's picks; none where the benchmark knows no pick."""
    picks = read_picks(epochs)
    if not picks:
        return []
    lines = [Line(name, values, *look) for (name, values), look in zip(picks.items(), PICK_LOOKS)]
    final = find_last(next(iter(picks.values())))
    return [draw_lines(lines, title="pick in NAS-Bench-201", unit="%", size=size, note=f"{final:.2f}")]


def draw_picks(runs: Sequence[Run]) -> list[str]:
    """Returns a chart of every criterion's pick, and one of the share of skip connections among alpha's.

    There is none where the benchmark knows no pick, or where a search has a single epoch.
    """
    picks: dict[str, list[list[float]]] = {}
    skips: dict[str, list[list[float]]] = {}
    for run in runs:
        run_picks = read_picks(run.epochs) if len(run.epochs) > 1 else {}
        for name, values in run_picks.items():
            picks.setdefault(_spell(run, name), []).append(values)
        if any(name.endswith("magnitude") for name in run_picks):
            skips.setdefault(_spell(run, "magnitude"), []).append(column(run.epochs, "skip_share"))
    charts = []
    if picks:
        title = "test accuracy of the pick in NAS-Bench-201, CIFAR-10"
        charts.append(draw_lines(_average_seeds(picks), title=title, unit="%", size=SIZE))
    if skips:
        title = "share of skip_connect among alpha's picks"
        legend = len(skips) > 1
        charts.append(draw_lines(_average_seeds(skips), title=title, low=0, size=SIZE, legend=legend))
    return charts


def _spell(run: Run, criterion: str) -> str:
    """SUPERNET/CRITERION, where the supernet is a further one of the comparison."""
    return f"{run.supernet}/{criterion}" if run.supernet else criterion


def _average_seeds(values_by_name: dict[str, list[list[float]]]) -> list[Line]:
    """A line for each name: its mean over the seeds, with the bootstrap interval of the mean as a band."""
    lines = []
    for (name, seeds), (colour, dash) in zip(values_by_name.items(), PICK_LOOKS):
        known = [_drop_missing(values) for values in zip_longest(*seeds, fillvalue=nan)]
        means = [float(np.mean(values)) if values else nan for values in known]
        band = [mean_interval(values) for values in known] if len(seeds) > 1 else ()
        lines.append(Line(label_criterion(name), means, colour, dash, band))
    return lines


def _drop_missing(values: Sequence[float]) -> list[float]:
    return [value for value in values if not isnan(value)]
