"""The axes of a chart: round numbers, the plotting area in pixels, thin lines."""

from collections.abc import Iterable
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

from markupsafe import Markup

from .svg import element, text

SMALL = 10  # font size of the numbers at the axes
CHARACTER = 6.2  # about the width of one of their digits, in pixels


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
        share = _share(value, self.x_low, self.x_high)
        return self.left + (self.right - self.left) * share

    def y(self, value: float) -> float:
        """Pixels from the top."""
        share = _share(value, self.y_low, self.y_high)
        return self.foot - (self.foot - self.top) * share

    def draw_levels(self, marks: Iterable[float]) -> Iterable[Markup]:
        """Yields a line across, with its number, for each mark of the y axis."""
        for mark in marks:
            y = self.y(mark)
            yield rule(self.left, y, self.right, y)
            yield tick_label(self.left - 5, y + 3.5, mark, anchor="end")

    def draw_axes(self, marks: Iterable[float], x_label: str) -> Iterable[Markup]:
        """Yields the levels, and the x axis with whole numbers."""
        yield from self.draw_levels(marks)
        count = max(2, int(self.right - self.left) // 60)
        for mark in find_ticks(self.x_low, self.x_high, count):
            if mark == int(mark):
                yield tick_label(self.x(mark), self.foot + 14, mark)
        yield rule(self.left, self.foot, self.right, self.foot, opacity=0.5)
        middle = (self.left + self.right) / 2
        yield text(middle, self.foot + 26, x_label, size=SMALL, anchor="middle", opacity=0.8)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def find_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Returns about `count` round numbers (1, 2, 2.5 or 5 times a power of ten), all within [low, high].

    >>> find_ticks(0, 100)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> find_ticks(0.12, 0.31, 2)
    [0.2, 0.3]
    >>> find_ticks(3, 3)
    [3.0]
    """
    if not isfinite(low):
        return []
    if not isfinite(high) or high <= low:
        return [float(low)]
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    factor = min((1, 2, 2.5, 5, 10), key=lambda nice: abs(nice * power - rough))
    step = factor * power
    first = ceil(low / step - 1e-9)
    last = floor(high / step + 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def find_limits(values: Iterable[float], low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """Returns the ends of an axis, a little wider than the values need and never equal, unless they are given."""
    finite = [value for value in values if isfinite(value)] or [0.0, 1.0]
    smallest, largest = min(finite), max(finite)
    room = 0.04 * (largest - smallest)
    if not room:
        room = 0.05 * abs(finite[0]) or 0.5
    if low is None:
        low = smallest - room
    if high is None:
        high = largest + room
    return low, high


def measure_marks(marks: Iterable[float]) -> float:
    """Returns the width in pixels that the numbers at a y axis need, with the space around them."""
    digits = max((len(f"{mark:g}") for mark in marks), default=1)
    return 12 + CHARACTER * digits


def add_unit(title: str, unit: str) -> str:
    """Returns the title with the unit in brackets, if there is one."""
    return f"{title} ({unit})" if unit else title


def tick_label(x: float, y: float, mark: float, anchor: str = "middle") -> Markup:
    """Returns the number at a mark."""
    return text(x, y, f"{mark:g}", size=SMALL, anchor=anchor, opacity=0.8)


def rule(x0: float, y0: float, x1: float, y1: float, opacity: float = 0.15) -> Markup:
    """Returns a thin line."""
    return element("path", d=f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", stroke="currentColor", stroke_opacity=opacity)
