"""Curves over a number as SVG: a mean at every number, and a bar from the lowest to the highest value behind it."""

from collections.abc import Iterable, Sequence
from math import log
from typing import NamedTuple

from markupsafe import Markup

from .axes import SMALL, Frame, find_limits, find_ticks, measure_marks, rule, tick_label
from .palette import Look
from .svg import drawing, element, text

TOP, FOOT = 52, 40  # pixels above and below the plotting area
LEGEND_ROW = 20
LETTER = 6.6  # about the width of a letter of the legend
SPREAD = 4  # pixels between the bars of two curves at one number
WIDE = 8  # a larger ratio of the numbers asks for a logarithmic axis


class Point(NamedTuple):
    """A mean at x, and the lowest and highest value behind it."""

    x: float
    mean: float
    low: float
    high: float


class Curve(NamedTuple):
    """A line of a chart, its points from left to right."""

    label: str
    look: Look
    points: Sequence[Point]


def draw_curves(
    curves: Sequence[Curve], *, title: str, note: str, x_label: str, size: tuple[int, int] = (820, 420)
) -> Markup:
    """Returns an SVG of some curves, with a legend at their right; far numbers stand on a logarithmic axis.

    Args:
        note: a line below the title.
        size: width and height in pixels; the height grows with the legend.

    >>> curve = Curve("ntk", Look("#0f7cd7"), [Point(4, 90, 85, 95), Point(50, 20, 10, 40)])
    >>> svg = draw_curves([curve], title="accuracy", note="two seeds", x_label="layers")
    >>> svg.count("<circle"), svg.count('class="bar"')
    (2, 2)
    """
    width, height = size
    height = max(height, TOP + FOOT + LEGEND_ROW * len(curves))
    points = [point for curve in curves for point in curve.points]
    low, high = find_limits([point.low for point in points] + [point.high for point in points])
    marks = find_ticks(low, high)
    places = {x: _place(x, points) for x in sorted({point.x for point in points})}
    room = 0.05 * (max(places.values()) - min(places.values())) or 1.0
    legend = 60 + LETTER * max(len(curve.label) for curve in curves)
    frame = Frame(
        4 + measure_marks(marks),
        width - legend,
        TOP,
        height - FOOT,
        min(places.values()) - room,
        max(places.values()) + room,
        low,
        high,
    )
    parts = [text(4, 17, title, size=14, font_weight=600), text(4, 35, note, size=12, opacity=0.8)]
    parts += frame.draw_levels(marks)
    parts += _draw_numbers(frame, places, x_label)
    for number, curve in enumerate(curves):
        shift = SPREAD * (number - (len(curves) - 1) / 2)
        parts += _draw_curve(frame, curve, places, shift)
        parts += _draw_legend(frame, curve, number)
    return drawing(width, height, title, *parts)


def _place(x: float, points: Iterable[Point]) -> float:
    """Where a number stands on the axis: at its logarithm, if the numbers are far apart."""
    smallest, largest = min(point.x for point in points), max(point.x for point in points)
    return log(x) if smallest > 0 and largest / smallest > WIDE else x


def _draw_numbers(frame: Frame, places: dict[float, float], x_label: str) -> Iterable[Markup]:
    for x, place in places.items():
        yield tick_label(frame.x(place), frame.foot + 14, x)
    yield rule(frame.left, frame.foot, frame.right, frame.foot, opacity=0.5)
    yield text((frame.left + frame.right) / 2, frame.foot + 32, x_label, size=SMALL + 1, anchor="middle")


def _draw_curve(frame: Frame, curve: Curve, places: dict[float, float], shift: float) -> Iterable[Markup]:
    corners = []
    for point in curve.points:
        x, y = frame.x(places[point.x]) + shift, frame.y(point.mean)
        corners.append(f"{x:.1f} {y:.1f}")
        bar = f"M{x:.1f} {frame.y(point.low):.1f}V{frame.y(point.high):.1f}"
        yield _stroke(bar, curve.look._replace(dash=""), 1.1, opacity=0.6, class_="bar")
        hint = f"{curve.label}: {point.mean:.2f} at {point.x:g} ({point.low:.2f} to {point.high:.2f})"
        yield element("circle", element("title", hint), cx=x, cy=y, r=3, fill=curve.look.colour)
    yield _stroke("M" + "L".join(corners), curve.look, 2.0)


def _draw_legend(frame: Frame, curve: Curve, number: int) -> Iterable[Markup]:
    y = frame.top + 8 + LEGEND_ROW * number
    yield _stroke(f"M{frame.right + 12:.1f} {y:.1f}h22", curve.look, 2.2)
    yield text(frame.right + 40, y + 4, curve.label, size=11)


def _stroke(path: str, look: Look, width: float, opacity: float = 1.0, **attributes: str) -> Markup:
    return element(
        "path",
        d=path,
        fill="none",
        stroke=look.colour,
        stroke_width=width,
        stroke_dasharray=look.dash or None,
        stroke_opacity=opacity,
        **attributes,
    )
