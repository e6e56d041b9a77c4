"""Scores of all options of all choices as a heat map."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan

from markupsafe import Markup

from .palette import MAGNITUDE, Look
from .svg import drawing, element, text

CELL, ROW, HEAD = 40, 20, 92


def heat_map(
    scores: Mapping[str, Mapping[str, float | None]],
    *,
    title: str,
    chosen: Mapping[str, str],
    kept: Iterable[str] | None = None,
    look: Mapping[str, Look],
) -> str:
    """An SVG with a row for each choice and a column for each option: stronger is better within the row, a frame marks
    what was chosen.

    Args:
        scores: {choice: {option: score}}; None and NaN are shown as a dash.
        chosen: {choice: option}.
        kept: the choices that the topology kept, in bold; all of them when None.
        look: how each option looks, for the head of its column.

    >>> from darts_ext.report.palette import looks
    >>> scores = {"cell/0/op": {"none": 0.1, "skip_connect": 0.9}}
    >>> svg = heat_map(scores, title="t", chosen={"cell/0/op": "none"}, look=looks(["none", "skip_connect"]))
    >>> svg.count('class="score"'), svg.count('class="chosen"')
    (2, 1)
    """
    options = list(dict.fromkeys(option for row in scores.values() for option in row))
    left = 14 + 6.6 * max((len(choice) for choice in scores), default=0)
    kept = set(scores if kept is None else kept)
    parts = [
        part for j, option in enumerate(options) for part in _column_head(option, left + CELL * j, look[option].colour)
    ]
    for i, (choice, row) in enumerate(scores.items()):
        y = HEAD + ROW * i
        weight = 700 if choice in kept else 400
        parts.append(
            text(left - 6, y + 14, choice, anchor="end", font_weight=weight, opacity=1 if choice in kept else 0.7)
        )
        parts += _row(choice, [(option, _number(row.get(option))) for option in options], left, y, chosen.get(choice))
    return drawing(left + CELL * len(options) + 62, HEAD + ROW * len(scores) + 6, title, *parts)


def _column_head(option: str, x: float, colour: str) -> Iterable[Markup]:
    yield element("rect", x=x + 3, y=HEAD - 7, width=CELL - 6, height=4, fill=colour)
    yield text(x + CELL / 2 + 2, HEAD - 13, option, transform=f"rotate(-42 {x + CELL / 2 + 2:.1f} {HEAD - 13})")


def _row(choice: str, row: Sequence[tuple[str, float]], left: float, y: float, chosen: str | None) -> Iterable[Markup]:
    finite = [score for _, score in row if isfinite(score)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    for j, (option, score) in enumerate(row):
        x = left + CELL * j
        hint = element("title", f"{choice} {option}: {score:.5g}" + (" (chosen)" if option == chosen else ""))
        if isfinite(score):
            shade = 0.06 + 0.9 * ((score - low) / (high - low) if high > low else 0.0)
            yield element(
                "rect",
                hint,
                x=x + 1,
                y=y + 1,
                width=CELL - 2,
                height=ROW - 2,
                rx=3,
                fill=MAGNITUDE,
                fill_opacity=f"{shade:.2f}",
                class_="score",
            )
        else:
            yield element("g", hint, text(x + CELL / 2, y + 14, "\u2013", anchor="middle", opacity=0.6))
        if option == chosen:
            yield element(
                "g",
                element(
                    "rect",
                    x=x + 1,
                    y=y + 1,
                    width=CELL - 2,
                    height=ROW - 2,
                    rx=3,
                    fill="none",
                    stroke="currentColor",
                    stroke_width=2,
                ),
                element("circle", hint, cx=x + CELL / 2, cy=y + ROW / 2, r=3.5, fill="currentColor"),
                class_="chosen",
            )


def _number(score: float | None) -> float:
    return nan if score is None else float(score)
