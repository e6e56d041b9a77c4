"""Dot plot as SVG: the values of each of a few groups, one row below the other."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from statistics import fmean

from markupsafe import Markup

from .axes import SMALL, Frame, find_limits, find_ticks, rule, tick_label
from .palette import MAGNITUDE, QUIET
from .svg import drawing, element, text

ROW, TOP = 30, 12  # pixels of each row, and above the first
RIGHT = 56  # pixels for the means in figures
LETTER = 7.6  # about the width of a letter of a row's name


def draw_dots(
    groups: Mapping[str, Sequence[float]], *, title: str, x_label: str, quiet: Iterable[str] = (), width: int = 820
) -> str:
    """Returns an SVG with one row for each group: a dot for each value, a bar at their mean and the mean in figures.

    Args:
        groups: {name: values}.
        quiet: names of the rows that are drawn in grey.
        width: in pixels.

    >>> svg = draw_dots({"magnitude": [96.0, 97.0], "random": [95.0]}, title="accuracy", x_label="%", quiet=["random"])
    >>> svg.count("<circle")
    3
    """
    every = [value for values in groups.values() for value in values]
    low, high = find_limits(every)
    longest = max((len(name) for name in groups), default=0)
    left = 18 + LETTER * longest
    foot = TOP + ROW * len(groups)
    frame = Frame(left, width - RIGHT, TOP, foot, low, high, 0, 1)
    marks = find_ticks(low, high)
    parts = [rule(frame.x(mark), TOP, frame.x(mark), foot) for mark in marks]
    parts += [tick_label(frame.x(mark), foot + 15, mark) for mark in marks]
    quiet = set(quiet)
    for i, (name, values) in enumerate(groups.items()):
        y = TOP + ROW * (i + 0.5)
        finite = [value for value in values if isfinite(value)]
        colour = QUIET if name in quiet else MAGNITUDE
        parts += _draw_row(frame, name, finite, y, colour)
    middle = (frame.left + frame.right) / 2
    parts.append(text(middle, foot + 30, x_label, size=SMALL, anchor="middle"))
    return drawing(width, foot + 36, title, *parts)


def _draw_row(frame: Frame, name: str, values: Sequence[float], y: float, colour: str) -> Iterable[Markup]:
    yield rule(frame.left, y, frame.right, y)
    yield text(frame.left - 8, y + 4, name, size=12, anchor="end")
    for value in values:
        hint = element("title", f"{name}: {value:.2f}")
        yield element("circle", hint, cx=frame.x(value), cy=y, r=5, fill=colour, fill_opacity=0.75)
    if values:
        mean = fmean(values)
        bar = f"M{frame.x(mean):.1f} {y - 10:.1f}v20"
        yield element("path", d=bar, stroke="currentColor", stroke_width=2.5)
        yield text(frame.right + 12, y + 4, f"{mean:.2f}", size=12)
