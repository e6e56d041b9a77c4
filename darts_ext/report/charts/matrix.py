"""Means of a table with two ways as coloured cells."""

from bisect import bisect_right
from collections.abc import Mapping
from math import isfinite

from markupsafe import Markup

from .palette import MAGNITUDE
from .svg import drawing, element, text

CELL, ROW, HEAD = 92, 30, 118  # pixels: width of a column, height of a row, height of the head
LETTER = 6.8  # about the width of a letter
MEAN = "mean"


def draw_matrix(values: Mapping[str, Mapping[str, tuple[float, float]]], *, title: str) -> Markup:
    """Returns an SVG with a row and a column for each name, and their means at the ends.

    A stronger colour is a better place among all cells: a few failures would leave no colours for the rest.

    Args:
        values: {row: {column: (mean, standard deviation)}}; NaN where it is not known.

    >>> svg = draw_matrix({"a": {"x": (1.0, 0.5), "y": (3.0, float("nan"))}}, title="t")
    >>> svg.count('class="cell"'), "2.00" in svg
    (6, True)
    """
    columns = list(next(iter(values.values())))
    table = {row: dict(cells) for row, cells in values.items()}
    for cells in table.values():
        cells[MEAN] = (_mean([cells[column][0] for column in columns]), float("nan"))
    table[MEAN] = {
        column: (_mean([table[row][column][0] for row in values]), float("nan")) for column in [*columns, MEAN]
    }
    places = sorted(mean for row in values for mean, _ in values[row].values() if isfinite(mean))
    left = 14 + LETTER * max(len(row) for row in table)
    parts: list[Markup] = []
    for j, column in enumerate([*columns, MEAN]):
        x = left + CELL * j + CELL / 2
        parts.append(text(x, HEAD - 12, column, transform=f"rotate(-34 {x:.1f} {HEAD - 12})"))
    for i, (row, cells) in enumerate(table.items()):
        y = HEAD + ROW * i + (6 if row == MEAN else 0)
        parts.append(text(left - 8, y + ROW / 2 + 4, row, anchor="end"))
        for j, column in enumerate([*columns, MEAN]):
            x = left + CELL * j + (6 if column == MEAN else 0)
            parts += _draw_cell(x, y, cells[column], places, f"{row}, {column}")
    return drawing(left + CELL * (len(columns) + 1) + 90, HEAD + ROW * len(table) + 14, title, *parts)


def _draw_cell(x: float, y: float, value: tuple[float, float], places: list[float], label: str) -> list[Markup]:
    mean, deviation = value
    share = bisect_right(places, mean) / len(places) if isfinite(mean) else 0.0
    words = "\u2013" if not isfinite(mean) else f"{mean:.2f}"
    if isfinite(deviation):
        words += f" \u00b1 {deviation:.2f}"
    cell = element(
        "rect",
        element("title", f"{label}: {words}"),
        class_="cell",
        x=x + 1,
        y=y + 1,
        width=CELL - 2,
        height=ROW - 2,
        rx=3,
        fill=MAGNITUDE,
        fill_opacity=f"{0.06 + 0.64 * share:.2f}",
    )
    return [cell, text(x + CELL / 2, y + ROW / 2 + 4, words, anchor="middle", font_weight=600 if share == 1 else 400)]


def _mean(numbers: list[float]) -> float:
    known = [number for number in numbers if isfinite(number)]
    return sum(known) / len(known) if known else float("nan")
