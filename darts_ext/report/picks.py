"""What each criterion would choose while the supernets train, by its accuracy in NAS-Bench-201, and how much of it
alpha would skip."""

from collections.abc import Sequence
from math import isnan, nan

import numpy as np

from .charts import Line, line_chart
from .headline import label
from .runcharts import PICK_LOOKS, tracked_picks
from .runfolder import Run, column

SIZE = (700, 300)
DRAWS = 1000


def pick_charts(runs: Sequence[Run]) -> list[str]:
    """The accuracy of every criterion's pick, and the share of skip connections among alpha's; empty where the
    benchmark knows no pick."""
    picks: dict[str, list[list[float]]] = {}
    for run in runs:
        for name, values in tracked_picks(run.epochs).items():
            picks.setdefault("/".join(filter(None, (run.supernet, name))), []).append(values)
    if not picks:
        return []
    skips: dict[str, list[list[float]]] = {}
    for run in runs:
        if any(name.endswith("magnitude") for name in tracked_picks(run.epochs)):
            skips.setdefault("/".join(filter(None, (run.supernet, "magnitude"))), []).append(
                column(run.epochs, "skip_share")
            )
    title = "test accuracy of the pick in NAS-Bench-201, CIFAR-10"
    charts = [line_chart(_means(picks), title=title, unit="%", size=SIZE)]
    return charts + [
        line_chart(
            _means(skips), title="share of skip_connect among alpha's picks", low=0, size=SIZE, legend=len(skips) > 1
        )
    ] * bool(skips)


def _means(seeds: dict[str, list[list[float]]]) -> list[Line]:
    """A line for each name, its mean over the seeds, and in a band where the mean of as many other seeds might lie."""
    lines = []
    for (name, rows), (colour, dash) in zip(seeds.items(), PICK_LOOKS):
        known = [
            [values[epoch] for values in rows if epoch < len(values) and not isnan(values[epoch])]
            for epoch in range(max(map(len, rows)))
        ]
        means = [float(np.mean(values)) if values else nan for values in known]
        lines.append(
            Line(label(name), means, colour, dash, [_interval(values) for values in known] if len(rows) > 1 else ())
        )
    return lines


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean.

    >>> _interval([3.0, 3.0])
    (3.0, 3.0)
    """
    if not values:
        return nan, nan
    means = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)
