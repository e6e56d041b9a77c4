"""A bar for each of a few named amounts, as SVG."""

from collections.abc import Sequence

from .palette import Look
from .svg import drawing, element, text

HEAD, NAMES = 20, 84  # pixels above the first bar, and left of all


def bar_chart(
    rows: Sequence[tuple[str, float, Look]], *, title: str, high: float, size: tuple[int, int], note: str = ""
) -> str:
    """Horizontal bars, one below the other, from 0 to `high`.

    Args:
        rows: (name, amount, look).
        size: width and height in pixels. note: a few words at the upper right.

    >>> bar_chart([("skip", 0.5, Look("#888888")), ("none", 0.2, Look("#888888"))], title="alpha", high=1.0, size=(195, 120)).count("<rect")
    2
    """
    width, height = size
    row = min(18.0, (height - HEAD) / max(len(rows), 1))
    drawn = []
    for i, (name, amount, look) in enumerate(rows):
        top, long = HEAD + row * i, (width - NAMES - 4) * amount / high
        drawn.append(text(NAMES - 5, top + row * 0.72, name, size=9, anchor="end", opacity=0.8))
        drawn.append(
            element(
                "rect",
                element("title", f"{name}: {amount:.3g}"),
                x=NAMES,
                y=top + 1,
                width=long,
                height=row - 2,
                rx=1.5,
                fill=look.colour,
            )
        )
    return drawing(
        width,
        height,
        title,
        text(4, 13, title, size=12, font_weight=600),
        text(width - 4, 13, note, size=10, anchor="end") if note else None,
        *drawn,
    )
