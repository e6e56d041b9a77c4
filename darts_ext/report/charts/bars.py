"""A bar for each of a few named amounts, as SVG."""

from collections.abc import Sequence

from .palette import Look
from .svg import drawing, element, text

HEAD, NAMES = 20, 84  # pixels above the first bar, and left of all


def draw_bars(
    rows: Sequence[tuple[str, float, Look]], *, title: str, high: float, size: tuple[int, int], note: str = ""
) -> str:
    """Returns an SVG of horizontal bars, one below the other, from 0 to `high`.

    Args:
        rows: (name, amount, look).
        title: above the bars.
        high: the amount whose bar takes the whole width.
        size: width and height in pixels.
        note: a few words at the upper right.

    >>> rows = [("skip", 0.5, Look("#888888")), ("none", 0.2, Look("#888888"))]
    >>> draw_bars(rows, title="alpha", high=1.0, size=(195, 120)).count("<rect")
    2
    """
    width, height = size
    row_height = min(18.0, (height - HEAD) / max(len(rows), 1))
    parts = [text(4, 13, title, size=12, font_weight=600)]
    if note:
        parts.append(text(width - 4, 13, note, size=10, anchor="end"))
    for i, (name, amount, look) in enumerate(rows):
        top = HEAD + row_height * i
        bar = element(
            "rect",
            element("title", f"{name}: {amount:.3g}"),
            x=NAMES,
            y=top + 1,
            width=(width - NAMES - 4) * amount / high,
            height=row_height - 2,
            rx=1.5,
            fill=look.colour,
        )
        parts.append(text(NAMES - 5, top + row_height * 0.72, name, size=9, anchor="end", opacity=0.8))
        parts.append(bar)
    return drawing(width, height, title, *parts)
