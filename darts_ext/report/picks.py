"""What each criterion would choose while the supernets train, by its accuracy in NAS-Bench-201."""

from collections.abc import Sequence
from math import isnan, nan
from statistics import fmean

from darts_ext.report.charts import Line, line_chart
from darts_ext.report.contents import Run
from darts_ext.report.headline import label
from darts_ext.report.views import PICK_LOOKS, tracked_picks


def pick_chart(runs: Sequence[Run]) -> str:
    """Mean over the seeds, and dotted the lowest and the highest seed, of every criterion; empty where the benchmark knows no pick."""
    of_seeds = [tracked_picks(run.epochs) for run in runs if run.epochs]
    lines = []
    for name, (colour, dash) in zip(dict.fromkeys(name for picks in of_seeds for name in picks), PICK_LOOKS):
        seeds = [picks[name] for picks in of_seeds if name in picks]
        epochs = [[values[epoch] for values in seeds if epoch < len(values) and not isnan(values[epoch])] for epoch in range(max(map(len, seeds)))]
        lines.append(Line(label(name), [fmean(values) if values else nan for values in epochs], colour, dash))
        if len(seeds) > 1:
            lines += [Line(what, [of(values) if values else nan for values in epochs], colour, "1 3") for what, of in (("lowest", min), ("highest", max))]
    return line_chart(lines, title="test accuracy of the pick in NAS-Bench-201, CIFAR-10", unit="%", size=(700, 300)) if lines else ""
