"""Line chart and dot plot as SVG: pure functions of numbers; what is missing (NaN) leaves a gap."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby
from math import ceil, floor, isfinite, log10
from statistics import fmean
from typing import NamedTuple

from markupsafe import Markup

from .palette import MAGNITUDE, QUIET
from .svg import drawing, element, text

SMALL, CHARACTER, ROW = (
    10,
    6.2,
    15,
)  # font size of ticks; about the width of one of its letters; height of a row of a legend


class Line(NamedTuple):
    """One line of a chart: a value for each step from `first` on, NaN where there is none; and how low and how high it
    might lie at each, as a band."""

    label: str
    values: Sequence[float]
    colour: str
    dash: str = ""
    band: Sequence[tuple[float, float]] = ()


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) about `count` of them, all within [low, high].

    >>> ticks(0, 100)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> ticks(0.12, 0.31, 2)
    [0.2, 0.3]
    >>> ticks(3, 3)
    [3.0]
    """
    if not (isfinite(low) and isfinite(high)) or high <= low:
        return [float(low)] if isfinite(low) else []
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = min((1, 2, 2.5, 5, 10), key=lambda nice: abs(nice * power - rough)) * power
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def line_chart(
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
    """An SVG with one line for each entry over the steps first, first + 1, ...

    Args:
        lines: what to draw; a single point is drawn as a dot.
        unit: of the values, shown at the title.
        size: width and height in pixels.
        low, high: the ends of the y axis; by default those of the values.
        note: a few words at the upper right.

    >>> svg = line_chart([Line("train", [1.0, float("nan"), 3.0, 4.0], "#888888")], title="loss")
    >>> svg.count('class="line"'), svg.count("<circle")
    (2, 1)
    """
    width, height = size
    low, high = limits([v for line in lines for v in (*line.values, *chain(*line.band))], low, high)
    steps = max((len(line.values) for line in lines), default=0)
    marks = ticks(low, high, max(2, height // 40))
    left = 12 + CHARACTER * max((len(f"{mark:g}") for mark in marks), default=1)
    top, right, foot = 24, 12, (38 if legend else 20) + (0 if x_label == "" else 12)
    frame = Frame(left, width - right, top, height - foot, first, max(first + steps - 1, first), low, high)
    head = f"{title} ({unit})" if unit else title
    legends = _in_rows(lines, width - left) if legend else []
    return drawing(
        width,
        height + ROW * max(0, len(legends) - 1),
        head,
        text(4, 13, head, size=12, font_weight=600),
        text(width - right, 13, note, size=SMALL, anchor="end") if note else None,
        *frame.rules(marks, x_label),
        *(frame.band(line) for line in lines if line.band),
        *(piece for line in lines for piece in frame.line(line)),
        *(_legend(row, left, height - 6 + ROW * i) for i, row in enumerate(legends)),
    )


class Frame(NamedTuple):
    """The plotting area in pixels and the numbers at its borders."""

    left: float
    right: float
    top: float
    foot: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return self.left + (self.right - self.left) * _share(value, self.x_low, self.x_high)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return self.foot - (self.foot - self.top) * _share(value, self.y_low, self.y_high)

    def levels(self, marks: Iterable[float]) -> Iterable[Markup]:
        """A line across for each round number."""
        for mark in marks:
            yield rule(self.left, self.y(mark), self.right, self.y(mark))
            yield text(self.left - 5, self.y(mark) + 3.5, f"{mark:g}", size=SMALL, anchor="end", opacity=0.8)

    def rules(self, marks: Iterable[float], x_label: str) -> Iterable[Markup]:
        """The levels, and the axis below."""
        yield from self.levels(marks)
        for mark in ticks(self.x_low, self.x_high, max(2, int(self.right - self.left) // 60)):
            if mark == int(mark):
                yield text(self.x(mark), self.foot + 14, f"{mark:g}", size=SMALL, anchor="middle", opacity=0.8)
        yield rule(self.left, self.foot, self.right, self.foot, opacity=0.5)
        yield text((self.left + self.right) / 2, self.foot + 26, x_label, size=SMALL, anchor="middle", opacity=0.8)

    def band(self, line: Line) -> Markup:
        """The area between the lower and the upper values, where there are any."""
        ends = [
            (self.x(self.x_low + i), self.y(low), self.y(high))
            for i, (low, high) in enumerate(line.band)
            if isfinite(low) and isfinite(high)
        ]
        around = [(x, low) for x, low, _ in ends] + [(x, high) for x, _, high in reversed(ends)]
        return element(
            "path",
            d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in around) + "Z",
            fill=line.colour,
            fill_opacity="0.13",
            class_="band",
        )

    def line(self, line: Line) -> Iterable[Markup]:
        """A path for each run of numbers, a dot for a number that stands alone."""
        points = [(self.x(self.x_low + i), self.y(v)) if isfinite(v) else None for i, v in enumerate(line.values)]
        for there, group in groupby(points, key=lambda point: point is not None):
            run = list(group)
            hint = element("title", f"{line.label}: {last(line.values):.4g}")
            if there and len(run) == 1:
                yield element("circle", hint, cx=run[0][0], cy=run[0][1], r=3, fill=line.colour, class_="line")
            elif there:
                d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
                yield element(
                    "path",
                    hint,
                    d=d,
                    fill="none",
                    stroke=line.colour,
                    stroke_width=1.8,
                    stroke_dasharray=line.dash or None,
                    stroke_linejoin="round",
                    class_="line",
                )


def dot_plot(
    groups: Mapping[str, Sequence[float]], *, title: str, x_label: str, quiet: Iterable[str] = (), width: int = 820
) -> str:
    """An SVG with one row for each group: a dot for each value, a bar at their mean and the mean in figures; `quiet`
    rows are grey.

    >>> svg = dot_plot({"magnitude": [96.0, 97.0], "random": [95.0]}, title="accuracy", x_label="%", quiet=["random"])
    >>> svg.count("<circle")
    3
    """
    row, top = 30, 12
    left = 18 + 7.6 * max((len(name) for name in groups), default=0)
    foot = top + row * len(groups)
    low, high = limits([v for values in groups.values() for v in values])
    frame = Frame(left, width - 56, top, foot, low, high, 0, 1)
    parts = [rule(frame.x(mark), top, frame.x(mark), foot) for mark in ticks(low, high)]
    parts += [
        text(frame.x(mark), foot + 15, f"{mark:g}", size=SMALL, anchor="middle", opacity=0.8)
        for mark in ticks(low, high)
    ]
    quiet = set(quiet)
    for i, (name, values) in enumerate(groups.items()):
        parts += _dots(
            frame,
            name,
            [v for v in values if isfinite(v)],
            top + row * (i + 0.5),
            QUIET if name in quiet else MAGNITUDE,
        )
    return drawing(
        width,
        foot + 36,
        title,
        *parts,
        text((frame.left + frame.right) / 2, foot + 30, x_label, size=SMALL, anchor="middle"),
    )


def _dots(frame: Frame, name: str, values: Sequence[float], y: float, colour: str) -> Iterable[Markup]:
    yield rule(frame.left, y, frame.right, y)
    yield text(frame.left - 8, y + 4, name, size=12, anchor="end")
    for value in values:
        yield element(
            "circle",
            element("title", f"{name}: {value:.2f}"),
            cx=frame.x(value),
            cy=y,
            r=5,
            fill=colour,
            fill_opacity=0.75,
        )
    if values:
        x = frame.x(fmean(values))
        yield element("path", d=f"M{x:.1f} {y - 10:.1f}v20", stroke="currentColor", stroke_width=2.5)
        yield text(frame.right + 12, y + 4, f"{fmean(values):.2f}", size=12)


def _in_rows(lines: Iterable[Line], room: float) -> list[list[Line]]:
    """The lines as the rows of a legend that is `room` pixels wide."""
    rows: list[list[Line]] = [[]]
    for line in lines:
        if rows[-1] and sum(_wide(one) for one in (*rows[-1], line)) > room:
            rows.append([])
        rows[-1].append(line)
    return rows


def _wide(line: Line) -> float:
    return 38 + CHARACTER * len(line.label)


def _legend(lines: Iterable[Line], x: float, y: float) -> Markup:
    parts = []
    for line in lines:
        parts.append(
            element(
                "path",
                d=f"M{x:.1f} {y - 4:.1f}h18",
                stroke=line.colour,
                stroke_width=2.5,
                stroke_dasharray=line.dash or None,
            )
        )
        parts.append(text(x + 23, y, line.label, size=SMALL))
        x += _wide(line)
    return element("g", *parts, class_="legend")


def rule(x0: float, y0: float, x1: float, y1: float, opacity: float = 0.15) -> Markup:
    """A thin line."""
    return element("path", d=f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", stroke="currentColor", stroke_opacity=opacity)


def limits(values: Iterable[float], low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """The ends of an axis: a little more than the values need, and never the same."""
    finite = [v for v in values if isfinite(v)] or [0.0, 1.0]
    room = 0.04 * (max(finite) - min(finite)) or 0.05 * abs(finite[0]) or 0.5
    return min(finite) - room if low is None else low, max(finite) + room if high is None else high


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def last(values: Sequence[float]) -> float:
    """The last number that is there, NaN without any."""
    return next((v for v in reversed(values) if isfinite(v)), float("nan"))
