"""The picture of lambda_min_landscape.py: the smallest eigenvalue of all 500 networks, a panel for each mode."""

import math
from collections.abc import Iterator
from statistics import fmean

from markupsafe import Markup

from benchmarks.lambda_min_space import ACTIVATIONS, count_lowered
from darts_ext.report.charts.axes import Frame, rule
from darts_ext.report.charts.palette import MAGNITUDE, QUIET, assign_looks
from darts_ext.report.charts.svg import drawing, element, text

WIDTH, DECADE = 860, 44  # pixels
HIGHEST = 0.75  # power of ten
COLUMN = 0.26  # of the width of a group
POWERS = ("1", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴", "10⁻⁵", "10⁻⁶", "10⁻⁷", "10⁻⁸")
COLOURS = (QUIET, MAGNITUDE, assign_looks(["skip_connect"])["skip_connect"].colour)  # of no, one and two skips


def draw_landscape(smallest: dict[str, dict[tuple, float]], conditions: str) -> str:
    """Draws all modes as panels: a group for each first activation, in it a column for each number of skips, in that
    every architecture from least to greatest.

    Args:
        smallest: {mode: {architecture: smallest eigenvalue}}.
        conditions: a line below the title.
    """
    top = 92.0
    pieces = []
    for mode, values in smallest.items():
        lowest = math.floor(10 * math.log10(min(values.values()))) / 10 - 0.15
        height = DECADE * (HIGHEST - lowest)
        frame = Frame(62, WIDTH - 8, top, top + height, 0, len(ACTIVATIONS), lowest, HIGHEST)
        pieces += draw_panel(mode, values, frame)
        top = frame.foot + 56
    title = "Smallest eigenvalue of the infinitely wide network's tangent kernel, all 500 networks of three layers"
    note = "by activation of the first layer; in each column the networks stand from least to greatest"
    return drawing(
        WIDTH,
        top - 6,
        "smallest eigenvalue of the infinite kernel of 500 networks",
        # a file of its own follows the reader's setting; inside a page it takes the page's colour
        element("style", Markup("@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }")),
        text(4, 17, title, size=14, font_weight=600),
        text(4, 36, conditions, size=12, opacity=0.8),
        *draw_legend(60),
        *pieces,
        text(frame.left, top - 16, note, size=12, opacity=0.8),
    )


def draw_legend(y: float) -> Iterator:
    entries = [
        ("no skip", COLOURS[0], True),
        ("one skip", COLOURS[1], True),
        ("two skips", COLOURS[2], True),
        ("a sigmoid behind the first layer", "currentColor", False),
    ]
    x = 12.0
    for label, colour, full in entries:
        yield draw_dots([(x, y - 4)], colour, full)
        yield text(x + 9, y, label, size=12)
        x += 34 + 6.3 * len(label)
    yield element("path", d=f"M{x - 4:.1f} {y - 4:.1f}h20", stroke="currentColor", stroke_width=2)
    yield text(x + 22, y, "geometric mean of the column", size=12)


def draw_panel(mode: str, values: dict[tuple, float], frame: Frame) -> Iterator:
    lowered, cases = count_lowered(values)
    claim = f"{mode}: one more skip raises it in {cases - lowered} of {cases} cases"
    yield text(frame.left, frame.top - 7, claim, size=12, font_weight=600)
    middle = (frame.top + frame.foot) / 2
    label = text(0, 0, "smallest eigenvalue", size=12, anchor="middle")
    yield element("g", label, transform=f"translate(14 {middle:.0f}) rotate(-90)")
    for decade in range(math.ceil(frame.y_low), math.floor(HIGHEST) + 1):
        y = frame.y(decade)
        yield rule(frame.left, y, frame.right, y)
        yield text(frame.left - 6, y + 4, POWERS[-decade], size=12, anchor="end", opacity=0.8)
    for place, first in enumerate(ACTIVATIONS):
        yield text(frame.x(place + 0.5), frame.foot + 15, first, size=12, anchor="middle")
        if place:
            yield rule(frame.x(place), frame.top, frame.x(place), frame.foot, opacity=0.3)
        for count, colour in enumerate(COLOURS):
            heights = list_heights(values, first, count)
            yield from draw_column(heights, place + 0.07 + 0.3 * count, colour, frame)


def list_heights(values: dict[tuple, float], first: str, count: int) -> list[tuple[float, bool]]:
    """Lists (logarithm of the value, whether a later layer is a sigmoid), in order, of the networks with that first
    activation and so many skips."""
    heights = []
    for (activations, skips), value in values.items():
        if activations[0] == first and sum(skips) == count:
            heights.append((math.log10(value), "sigmoid" in activations[1:]))
    return sorted(heights)


def draw_column(heights: list[tuple[float, bool]], left: float, colour: str, frame: Frame) -> Iterator:
    """Draws a dot for every height, a ring where its flag says so, and a line at their mean."""
    points = {False: [], True: []}
    for rank, (height, ring) in enumerate(heights):
        x = frame.x(left + COLUMN * rank / (len(heights) - 1))
        points[ring].append((x, frame.y(height)))
    yield draw_dots(points[False], colour, True)
    yield draw_dots(points[True], colour, False)
    mean = frame.y(fmean(height for height, _ in heights))
    line = f"M{frame.x(left):.1f} {mean:.1f}H{frame.x(left + COLUMN):.1f}"
    yield element("path", d=line, stroke="currentColor", stroke_width=2)


def draw_dots(points: list[tuple[float, float]], colour: str, full: bool):
    """Draws discs, or rings."""
    circles = [element("circle", cx=x, cy=y, r=2.6) for x, y in points]
    return element("g", *circles, fill=colour if full else "none", stroke=colour, stroke_width=1.1)
