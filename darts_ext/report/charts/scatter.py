"""Scatter plot as SVG: many points as one path."""

from collections.abc import Iterable, Sequence
from math import isfinite

from markupsafe import Markup

from .axes import SMALL, Frame, find_ticks, tick_label
from .palette import MAGNITUDE
from .svg import drawing, element, text

LETTER = 7.6  # about the width of a letter of the title
LEFT, RIGHT, TOP, FOOT = 34, 8, 24, 36  # pixels around the plotting area
INSET = 5  # pixels between the area's border and the outermost points


def draw_scatter(
    x: Sequence[float],
    y: Sequence[float],
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    note: str = "",
    low: float | None = None,
    size: tuple[int, int] = (296, 230),
) -> str:
    """Returns an SVG of the points (x, y) that are finite; those below `low` stand on the lower border.

    Args:
        x, y: the coordinates of the points.
        title: at the upper left, cut where there is no room.
        x_label, y_label: the names of the axes.
        note: a few words at the upper right.
        low: the smallest y that is told apart.
        size: width and height in pixels.

    >>> svg = draw_scatter([0, 1, 2], [10, 90, float("nan")], title="size", low=40)
    >>> svg.count("h0")
    2
    """
    width, height = size
    right, foot = width - RIGHT, height - FOOT
    points = _finite_points(x, y, low)
    frame = _fit_frame(points, right, foot)
    parts = [text(4, 13, _shorten(title, width - 60), size=12, font_weight=600)]
    if note:
        parts.append(text(right, 13, note, size=SMALL, anchor="end"))
    parts += _draw_marks(frame, right, foot)
    parts.append(_draw_points(frame, points))
    parts.append(text((LEFT + right) / 2, foot + 27, x_label, size=SMALL, anchor="middle", opacity=0.8))
    if y_label:
        parts.append(text(LEFT, TOP - 2, y_label, size=SMALL, opacity=0.8))
    return drawing(width, height, title, *parts)


def _finite_points(x: Sequence[float], y: Sequence[float], low: float | None) -> list[tuple[float, float]]:
    points = []
    for a, b in zip(x, y):
        if isfinite(a) and isfinite(b):
            points.append((a, b if low is None else max(b, low)))
    return points or [(0.0, 0.0)]


def _fit_frame(points: Sequence[tuple[float, float]], right: float, foot: float) -> Frame:
    xs = [a for a, _ in points]
    ys = [b for _, b in points]
    return Frame(
        left=LEFT + INSET,
        right=right - INSET,
        top=TOP + INSET,
        foot=foot - INSET,
        x_low=min(xs),
        x_high=max(xs),
        y_low=min(ys),
        y_high=max(ys),
    )


def _draw_marks(frame: Frame, right: float, foot: float) -> Iterable[Markup]:
    """Yields a line across for each round y, and the numbers of both axes."""
    for mark in find_ticks(frame.y_low, frame.y_high, 4):
        y = frame.y(mark)
        yield element("path", d=f"M{LEFT} {y:.1f}H{right}", stroke="currentColor", stroke_opacity=0.15)
        yield tick_label(LEFT - 4, y + 3.5, mark, anchor="end")
    for mark in find_ticks(frame.x_low, frame.x_high, 4):
        yield tick_label(frame.x(mark), foot + 13, mark)


def _draw_points(frame: Frame, points: Sequence[tuple[float, float]]) -> Markup:
    """The more points, the more transparent each."""
    opacity = max(0.25, min(1.0, 150 / len(points)))
    return element(
        "path",
        d="".join(f"M{frame.x(a):.0f} {frame.y(b):.0f}h0" for a, b in points),
        stroke=MAGNITUDE,
        stroke_width=3.5,
        stroke_linecap="round",
        stroke_opacity=f"{opacity:.2f}",
        fill="none",
    )


def _shorten(title: str, room: float) -> str:
    """As much of the title as fits in `room` pixels; the drawing's tooltip has the whole.

    >>> _shorten("expressivity", 1000), _shorten("expressivity", 50)
    ('expressivity', 'expre…')
    """
    letters = int(room / LETTER)
    if len(title) <= letters:
        return title
    return f"{title[: letters - 1]}\u2026"
