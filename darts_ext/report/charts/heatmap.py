"""Scores of all options of all choices as a heat map."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan

from markupsafe import Markup

from .palette import MAGNITUDE, Look
from .svg import drawing, element, text

CELL, ROW, HEAD = 40, 20, 92  # pixels: width of a column, height of a row, height of the head
LETTER = 6.6  # about the width of a letter of a choice's name


def draw_heat_map(
    scores: Mapping[str, Mapping[str, float | None]],
    *,
    title: str,
    chosen: Mapping[str, str],
    kept: Iterable[str] | None = None,
    look: Mapping[str, Look],
) -> str:
    """Returns an SVG with a row for each choice and a column for each option.

    A stronger colour is a better score within the row; a frame marks what was chosen.

    Args:
        scores: {choice: {option: score}}; None and NaN are shown as a dash.
        title: for tooltips and screen readers.
        chosen: {choice: option}.
        kept: the choices that the topology kept, in bold; all of them when None.
        look: how each option looks, for the head of its column.

    >>> from darts_ext.report.charts.palette import assign_looks
    >>> scores = {"cell/0/op": {"none": 0.1, "skip_connect": 0.9}}
    >>> look = assign_looks(["none", "skip_connect"])
    >>> svg = draw_heat_map(scores, title="t", chosen={"cell/0/op": "none"}, look=look)
    >>> svg.count('class="score"'), svg.count('class="chosen"')
    (2, 1)
    """
    options = list(dict.fromkeys(option for row in scores.values() for option in row))
    longest = max((len(choice) for choice in scores), default=0)
    left = 14 + LETTER * longest
    kept = set(scores if kept is None else kept)
    parts: list[Markup] = []
    for j, option in enumerate(options):
        parts += _draw_column_head(option, left + CELL * j, look[option].colour)
    for i, (choice, row) in enumerate(scores.items()):
        y = HEAD + ROW * i
        parts.append(_draw_row_head(choice, left, y, strong=choice in kept))
        values = [(option, _to_number(row.get(option))) for option in options]
        parts += _draw_row(choice, values, left, y, chosen.get(choice))
    width = left + CELL * len(options) + 62  # the last heads lean to the right
    height = HEAD + ROW * len(scores) + 6
    return drawing(width, height, title, *parts)


def _draw_column_head(option: str, x: float, colour: str) -> Iterable[Markup]:
    label_x = x + CELL / 2 + 2
    label_y = HEAD - 13
    yield element("rect", x=x + 3, y=HEAD - 7, width=CELL - 6, height=4, fill=colour)
    yield text(label_x, label_y, option, transform=f"rotate(-42 {label_x:.1f} {label_y})")


def _draw_row_head(choice: str, left: float, y: float, *, strong: bool) -> Markup:
    weight = 700 if strong else 400
    opacity = 1 if strong else 0.7
    return text(left - 6, y + 14, choice, anchor="end", font_weight=weight, opacity=opacity)


def _draw_row(
    choice: str, row: Sequence[tuple[str, float]], left: float, y: float, chosen: str | None
) -> Iterable[Markup]:
    finite = [score for _, score in row if isfinite(score)]
    low = min(finite, default=0.0)
    high = max(finite, default=0.0)
    for j, (option, score) in enumerate(row):
        x = left + CELL * j
        words = f"{choice} {option}: {score:.5g}"
        if option == chosen:
            words += " (chosen)"
        hint = element("title", words)
        if isfinite(score):
            share = (score - low) / (high - low) if high > low else 0.0
            yield _draw_score(hint, x, y, shade=0.06 + 0.9 * share)
        else:
            yield element("g", hint, text(x + CELL / 2, y + 14, "\u2013", anchor="middle", opacity=0.6))
        if option == chosen:
            yield _draw_chosen(hint, x, y)


def _draw_score(hint: Markup, x: float, y: float, shade: float) -> Markup:
    return _draw_box(hint, x=x, y=y, fill=MAGNITUDE, fill_opacity=f"{shade:.2f}", class_="score")


def _draw_chosen(hint: Markup, x: float, y: float) -> Markup:
    """A frame around the score, and a dot on it."""
    frame = _draw_box(x=x, y=y, fill="none", stroke="currentColor", stroke_width=2)
    dot = element("circle", hint, cx=x + CELL / 2, cy=y + ROW / 2, r=3.5, fill="currentColor")
    return element("g", frame, dot, class_="chosen")


def _draw_box(*children: Markup, x: float, y: float, **attributes: object) -> Markup:
    return element("rect", *children, x=x + 1, y=y + 1, width=CELL - 2, height=ROW - 2, rx=3, **attributes)


def _to_number(score: float | None) -> float:
    return nan if score is None else float(score)
