"""Line chart as SVG, with bands of uncertainty; missing numbers (NaN) leave gaps."""

from collections.abc import Iterable, Sequence
from math import isfinite, nan
from typing import NamedTuple

from markupsafe import Markup

from .axes import CHARACTER, SMALL, Frame, add_unit, find_limits, find_ticks, measure_marks
from .svg import drawing, element, text

TOP, RIGHT = 24, 12  # pixels around the plotting area
LEGEND_ROW = 15


class Line(NamedTuple):
    """One line of a chart: a value for each step, NaN where there is none; `band` holds a (low, high) for each."""

    label: str
    values: Sequence[float]
    colour: str
    dash: str = ""
    band: Sequence[tuple[float, float]] = ()


def draw_lines(
    lines: Sequence[Line],
    *,
    title: str,
    unit: str = "",
    x_label: str = "epoch",
    first: int = 1,
    size: tuple[int, int] = (380, 230),
    low: float | None = None,
    high: float | None = None,
    legend: bool = True,
    note: str = "",
) -> str:
    """Returns an SVG with one line for each entry over the steps first, first + 1, ...

    Args:
        lines: what to draw; a single point is drawn as a dot.
        unit: of the values, shown at the title.
        size: width and height in pixels.
        low, high: the ends of the y axis; by default those of the values.
        note: a few words at the upper right.

    >>> svg = draw_lines([Line("train", [1.0, float("nan"), 3.0, 4.0], "#888888")], title="loss")
    >>> svg.count('class="line"'), svg.count("<circle")
    (2, 1)
    """
    width, height = size
    low, high = find_limits(_all_values(lines), low, high)
    marks = find_ticks(low, high, max(2, height // 40))
    left = measure_marks(marks)
    foot = 38 if legend else 20
    if x_label:
        foot += 12
    steps = max((len(line.values) for line in lines), default=0)
    frame = Frame(left, width - RIGHT, TOP, height - foot, first, max(first + steps - 1, first), low, high)
    head = add_unit(title, unit)
    parts = [text(4, 13, head, size=12, font_weight=600)]
    if note:
        parts.append(text(width - RIGHT, 13, note, size=SMALL, anchor="end"))
    parts += frame.draw_axes(marks, x_label)
    parts += [_draw_band(frame, line) for line in lines if line.band]
    for line in lines:
        parts += _draw_line(frame, line)
    rows = _break_legend(lines, width - left) if legend else []
    parts += [_draw_legend(row, left, height - 6 + LEGEND_ROW * i) for i, row in enumerate(rows)]
    return drawing(width, height + LEGEND_ROW * max(0, len(rows) - 1), head, *parts)


def find_last(values: Sequence[float]) -> float:
    """Returns the last finite number, NaN without any."""
    return next((value for value in reversed(values) if isfinite(value)), nan)


def _all_values(lines: Iterable[Line]) -> list[float]:
    values: list[float] = []
    for line in lines:
        values += line.values
        for ends in line.band:
            values += ends
    return values


def _draw_band(frame: Frame, line: Line) -> Markup:
    """The area between the lower and the upper values, along the former and back along the latter."""
    forth, back = [], []
    for i, (low, high) in enumerate(line.band):
        if isfinite(low) and isfinite(high):
            x = frame.x(frame.x_low + i)
            forth.append((x, frame.y(low)))
            back.append((x, frame.y(high)))
    outline = f"{_join_points([*forth, *reversed(back)])}Z"
    return element("path", d=outline, fill=line.colour, fill_opacity="0.13", class_="band")


def _draw_line(frame: Frame, line: Line) -> Iterable[Markup]:
    """Yields a path for each stretch without gaps, a dot for a number that stands alone."""
    hint = element("title", f"{line.label}: {find_last(line.values):.4g}")
    for stretch in _split_at_gaps(frame, line.values):
        if len(stretch) == 1:
            x, y = stretch[0]
            yield element("circle", hint, cx=x, cy=y, r=3, fill=line.colour, class_="line")
        else:
            yield element(
                "path",
                hint,
                d=_join_points(stretch),
                fill="none",
                stroke=line.colour,
                stroke_width=1.8,
                stroke_dasharray=line.dash or None,
                stroke_linejoin="round",
                class_="line",
            )


def _split_at_gaps(frame: Frame, values: Sequence[float]) -> list[list[tuple[float, float]]]:
    stretches: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if isfinite(value):
            stretches[-1].append((frame.x(frame.x_low + i), frame.y(value)))
        else:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _join_points(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _break_legend(lines: Iterable[Line], room: float) -> list[list[Line]]:
    """The lines by rows of a legend that is `room` pixels wide."""
    rows: list[list[Line]] = [[]]
    for line in lines:
        width = sum(_legend_width(other) for other in (*rows[-1], line))
        if rows[-1] and width > room:
            rows.append([])
        rows[-1].append(line)
    return rows


def _legend_width(line: Line) -> float:
    return 38 + CHARACTER * len(line.label)


def _draw_legend(lines: Iterable[Line], x: float, y: float) -> Markup:
    parts = []
    for line in lines:
        dash = line.dash or None
        stroke = f"M{x:.1f} {y - 4:.1f}h18"
        parts.append(element("path", d=stroke, stroke=line.colour, stroke_width=2.5, stroke_dasharray=dash))
        parts.append(text(x + 23, y, line.label, size=SMALL))
        x += _legend_width(line)
    return element("g", *parts, class_="legend")
