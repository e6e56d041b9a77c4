"""Alpha over the epochs of a search: a small chart for each choice, the same axis in all."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import nan

from selection import group_of

from .charts.bars import draw_bars
from .charts.linechart import Line, draw_lines
from .charts.palette import Look

SIZE = (195, 120)  # six of them side by side on a wide page


def draw_alphas(alphas: Mapping | None, look: Mapping[str, Look]) -> list[tuple[str, list[str]]]:
    """Returns (group, its charts): a line for each option, or a bar where alpha is known at one moment only."""
    if not alphas or not alphas["epochs"]:
        return []
    epochs, choices = alphas["epochs"], alphas["choices"]
    high = 1.04 * _find_largest(epochs)
    groups = []
    for group, names in groupby(choices, key=group_of):
        charts = [_draw_choice(name, choices[name], epochs, high, look) for name in names]
        groups.append((group, charts))
    return groups


def _find_largest(epochs: Sequence[Mapping[str, Sequence[float]]]) -> float:
    weights = [weight for epoch in epochs for row in epoch.values() for weight in row]
    return max(weights, default=1.0)


def _draw_choice(
    choice: str, options: Sequence[str], epochs: Sequence[Mapping], high: float, look: Mapping[str, Look]
) -> str:
    missing = [nan] * len(options)
    rows = [epoch.get(choice, missing) for epoch in epochs]
    strongest = _find_strongest(options, rows[-1])
    if len(epochs) == 1:  # imported: there is nothing to follow over time
        bars = [(option, weight, look[option]) for option, weight in zip(options, rows[0])]
        return draw_bars(bars, title=choice, high=high, size=SIZE, note=strongest)
    lines = []
    for i, option in enumerate(options):
        lines.append(Line(option, [row[i] for row in rows], *look[option]))
    return draw_lines(
        lines, title=choice, x_label="", first=0, size=SIZE, low=0, high=high, legend=False, note=strongest
    )


def _find_strongest(options: Sequence[str], weights: Sequence[float]) -> str:
    """The option of the largest weight; of equal ones the last by name."""
    if not options:
        return ""
    _, strongest = max(zip(weights, options, strict=True))
    return strongest
