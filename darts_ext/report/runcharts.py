"""The pictures of one run: its search, its cells, its retraining."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import isnan
from typing import NamedTuple

from .bars import bar_chart
from .cellgraph import arcs_of, draw_cell
from .charts import Line, last, line_chart
from .explanation import Account, account
from .headline import label, listed
from .palette import MAGNITUDE, QUIET, Look
from .runfolder import Choice, Contents, Rows, Run, column
from .svg import drawing, element

PICK_LOOKS = ((QUIET, "5 3"), (MAGNITUDE, ""), ("#b43717", ""), ("#289053", ""), ("#8346f7", ""), ("#cc8a23", ""))
CURVE, SMALL_CURVE = (296, 200), (195, 120)  # four and six of them side by side on a wide page


class Group(NamedTuple):
    """The criteria that chose the same cells: drawn once."""

    names: list[str]
    cells: list[tuple[str, str]]
    genotype: dict | None
    curves: list[str]
    accounts: list[Account]

    @property
    def same(self) -> str:
        return f"{listed(self.names)} chose the same cell." if len(self.names) > 1 else ""


def options(contents: Contents) -> list[str]:
    """Every option that appears anywhere in the folder, so that each has one look on the whole page."""
    found: dict[str, None] = {}
    for run in contents.runs:
        for names in (run.alphas or {}).get("choices", {}).values():
            found |= dict.fromkeys(names)
        for choice in run.choices:
            for row in (choice.scores or {}).get("scores", {}).values():
                found |= dict.fromkeys(row)
            for cell in (choice.genotype or {}).get("cells", {}).values():
                found |= dict.fromkeys(arc.op for edge in cell["edges"] for arc in arcs_of(edge))
    return list(found)


def search_curves(epochs: Rows) -> list[str]:
    """Accuracy, loss, shares of skips and mean entropy over the epochs of the search."""
    if not epochs or "val_accuracy" not in epochs[0]:  # none, or imported without its history
        return []
    one = [
        ("share of skip_connect", "skip_share"),
        ("share of added skips", "added_skip_share"),
        ("mean entropy of alpha", "entropy_mean"),
    ]
    return (
        _two_sets(epochs, "val", "validation")
        + [
            line_chart([Line(title, column(epochs, name), MAGNITUDE)], title=title, low=0, size=CURVE, legend=False)
            for title, name in one
            if name in epochs[0]
        ]
        + _in_table(epochs)
    )


def _in_table(epochs: Rows) -> list[str]:
    """What the cells that alpha and the tracked criteria would choose reach in NAS-Bench-201."""
    picks = tracked_picks(epochs)
    if not picks:
        return []
    lines = [Line(name, values, colour, dash) for (name, values), (colour, dash) in zip(picks.items(), PICK_LOOKS)]
    return [
        line_chart(
            lines, title="pick in NAS-Bench-201", unit="%", size=CURVE, note=f"{last(next(iter(picks.values()))):.2f}"
        )
    ]


def tracked_picks(epochs: Rows) -> dict[str, list[float]]:
    """{criterion: CIFAR-10 accuracy in NAS-Bench-201 of what it would choose, epoch by epoch}; between two looks as at
    the earlier one.

    >>> tracked_picks([{"table_cifar10": "9", "table_cifar10:ntk": ""}, {"table_cifar10": "8", "table_cifar10:ntk": "7"}, {"table_cifar10": "6"}])
    {'magnitude': [9.0, 8.0, 6.0], 'ntk': [nan, 7.0, 7.0]}
    """
    found = {}
    for name in dict.fromkeys(
        name for row in epochs for name in row if name == "table_cifar10" or name.startswith("table_cifar10:")
    ):
        values: list[float] = []
        for value in column(epochs, name):
            values.append(values[-1] if isnan(value) and values else value)
        found[name.partition(":")[2] or "magnitude"] = values
    return found


def retraining_curves(epochs: Rows) -> list[str]:
    """Accuracy and loss over the epochs of retraining."""
    return _two_sets(epochs, "test", "test") if epochs else []


def _two_sets(epochs: Rows, other: str, name: str) -> list[str]:
    charts = []
    for what, unit in (("accuracy", "%"), ("loss", "")):
        lines = [
            Line("train", column(epochs, f"train_{what}"), QUIET, "5 3"),
            Line(name, column(epochs, f"{other}_{what}"), MAGNITUDE),
        ]
        final = last(lines[1].values)
        charts.append(
            line_chart(lines, title=what, unit=unit, size=CURVE, note="" if isnan(final) else f"{name} {final:.4g}")
        )
    return charts


def alpha_curves(alphas: Mapping | None, look: Mapping[str, Look]) -> list[tuple[str, list[str]]]:
    """Small multiples by group of choices: one chart for each choice, one line for each option (a bar, where there is
    one moment), the same axis in all."""
    if not alphas or not alphas["epochs"]:
        return []
    epochs, choices = alphas["epochs"], alphas["choices"]
    high = max((p for epoch in epochs for row in epoch.values() for p in row), default=1.0) * 1.04
    by_group = groupby(choices, key=lambda choice: choice.split("/")[0])
    return [
        (group, [_alpha_curve(name, choices[name], epochs, high, look) for name in names]) for group, names in by_group
    ]


def _alpha_curve(
    choice: str, names: Sequence[str], epochs: Sequence[Mapping], high: float, look: Mapping[str, Look]
) -> str:
    rows = [epoch.get(choice, [float("nan")] * len(names)) for epoch in epochs]
    strongest = max(zip(rows[-1], names, strict=True))[1] if names else ""
    if len(epochs) == 1:  # imported: there is nothing to follow over time
        bars = [(name, weight, look[name]) for name, weight in zip(names, rows[0])]
        return bar_chart(bars, title=choice, high=high, size=SMALL_CURVE, note=strongest)
    lines = [Line(name, [row[i] for row in rows], *look[name]) for i, name in enumerate(names)]
    return line_chart(
        lines, title=choice, x_label="", first=0, size=SMALL_CURVE, low=0, high=high, legend=False, note=strongest
    )


def swatches(names: Iterable[str], look: Mapping[str, Look]) -> list[tuple[str, str]]:
    """(name, a short line as it looks) for a legend outside the charts."""

    def swatch(name: str) -> str:
        colour, dash = look[name]
        return drawing(
            26, 10, name, element("path", d="M1 5h24", stroke=colour, stroke_width=3, stroke_dasharray=dash or None)
        )

    return [(name, swatch(name)) for name in names]


def groups(run: Run, look: Mapping[str, Look]) -> list[Group]:
    """What was chosen from a search, the same cells together, in the order of the criteria."""
    together: dict[str, list[Choice]] = {}
    for choice in run.choices:
        together.setdefault(choice.cell_key() or f"unknown cell of {choice.criterion}", []).append(choice)
    return [
        Group(
            [label(choice.criterion) for choice in same],
            cells(same[0].genotype, look),
            same[0].genotype,
            next((curves for choice in same if (curves := retraining_curves(choice.retraining))), []),
            [account(choice, look) for choice in same if choice.scores],
        )
        for same in together.values()
    ]


def cells(genotype: Mapping | None, look: Mapping[str, Look]) -> list[tuple[str, str]]:
    """(name, drawing) of every cell; the inputs are the nodes before the first one that an edge enters."""
    drawn = []
    for name, cell in (genotype or {"cells": {}})["cells"].items():
        inputs = min((edge["to"] for edge in cell["edges"]), default=1)
        drawn.append((name, draw_cell(cell["edges"], inputs=inputs, concat=cell["concat"], title=name, look=look)))
    return drawn
