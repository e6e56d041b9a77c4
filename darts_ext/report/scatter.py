"""Scatter plot as SVG: many points as one path."""

from collections.abc import Sequence
from math import isfinite

from markupsafe import Markup

from .charts import ticks
from .palette import MAGNITUDE
from .svg import drawing, element, text

LETTER = 7.6  # about the width of a letter of the title


def scatter(
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
    """An SVG of the points (x, y); those that are not finite are left out, those below `low` stand on the lower border.

    Args:
        note: a few words at the upper right.

    >>> svg = scatter([0, 1, 2], [10, 90, float("nan")], title="size", low=40)
    >>> svg.count("h0")
    2
    """
    points = [(a, b if low is None else max(b, low)) for a, b in zip(x, y) if isfinite(a) and isfinite(b)] or [
        (0.0, 0.0)
    ]
    (left, right), (bottom, top) = ((min(values), max(values)) for values in zip(*points))
    width, height = size
    frame_left, frame_right, frame_top, frame_foot = 34, width - 8, 24, height - 36

    def at_x(value: float) -> float:
        return (
            frame_left
            + 5
            + (frame_right - frame_left - 10) * ((value - left) / (right - left) if right > left else 0.5)
        )

    def at_y(value: float) -> float:
        return (
            frame_foot
            - 5
            - (frame_foot - frame_top - 10) * ((value - bottom) / (top - bottom) if top > bottom else 0.5)
        )

    marks = [
        piece
        for mark in ticks(bottom, top, 4)
        for piece in (
            element(
                "path", d=f"M{frame_left} {at_y(mark):.1f}H{frame_right}", stroke="currentColor", stroke_opacity=0.15
            ),
            text(frame_left - 4, at_y(mark) + 3.5, f"{mark:g}", size=10, anchor="end", opacity=0.8),
        )
    ]
    marks += [
        text(at_x(mark), frame_foot + 13, f"{mark:g}", size=10, anchor="middle", opacity=0.8)
        for mark in ticks(left, right, 4)
    ]
    opacity = Markup(f"{max(0.25, min(1.0, 150 / len(points))):.2f}")
    dots = "".join(f"M{at_x(a):.0f} {at_y(b):.0f}h0" for a, b in points)
    return drawing(
        width,
        height,
        title,
        text(4, 13, _short(title, width - 60), size=12, font_weight=600),
        text(frame_right, 13, note, size=10, anchor="end") if note else None,
        *marks,
        element(
            "path",
            d=dots,
            stroke=MAGNITUDE,
            stroke_width=3.5,
            stroke_linecap="round",
            stroke_opacity=opacity,
            fill="none",
        ),
        text((frame_left + frame_right) / 2, frame_foot + 27, x_label, size=10, anchor="middle", opacity=0.8),
        text(frame_left, frame_top - 2, y_label, size=10, opacity=0.8) if y_label else None,
    )


def _short(title: str, room: float) -> str:
    """The title, or as much of it as there is room for, in pixels; the whole is the drawing's own.

    >>> _short("expressivity", 1000), _short("expressivity", 50)
    ('expressivity', 'expre…')
    """
    most = int(room / LETTER)
    return title if len(title) <= most else f"{title[: most - 1]}\u2026"
