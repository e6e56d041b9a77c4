"""Stacked shares as SVG: for each of a few columns, which share of it every option has."""

from collections.abc import Mapping

from .axes import SMALL, Frame, find_ticks, rule
from .palette import Look
from .svg import drawing, element, text

TOP, FOOT, LEFT, RIGHT = 24, 32, 34, 6  # pixels around the plotting area


def draw_stacks(
    columns: Mapping[str, Mapping[str, float]],
    look: Mapping[str, Look],
    *,
    title: str,
    x_label: str,
    size: tuple[int, int] = (380, 170),
) -> str:
    """Returns an SVG with a column for each entry; the shares of its options are stacked in the order of `look`.

    Args:
        columns: {label: {option: share in [0, 1]}}.

    >>> shares = {"1": {"relu": 0.75, "tanh": 0.25}, "2": {"relu": 1.0}}
    >>> looks = {"relu": Look("#0f7cd7"), "tanh": Look("#289053")}
    >>> draw_stacks(shares, looks, title="activations", x_label="layer").count("<rect")
    3
    """
    width, height = size
    frame = Frame(LEFT, width - RIGHT, TOP, height - FOOT, 0, len(columns), 0, 100)
    parts = [text(4, 13, title, size=12, font_weight=600)]
    parts += frame.draw_levels(find_ticks(0, 100, 2))
    step = (frame.right - frame.left) / max(1, len(columns))
    every = max(1, round(18 / step))  # labels do not touch
    for number, (label, shares) in enumerate(columns.items()):
        x = frame.x(number)
        below = 0.0
        for option in look:
            share = 100 * shares.get(option, 0.0)
            if not share:
                continue
            top, foot = frame.y(below + share), frame.y(below)
            below += share
            hint = element("title", f"{label}: {option} {share:.0f} %")
            parts.append(
                element("rect", hint, x=x, y=top, width=max(step - 1, 0.5), height=foot - top, fill=look[option].colour)
            )
        if number % every == 0:
            parts.append(text(x + step / 2, frame.foot + 13, label, size=SMALL, anchor="middle", opacity=0.8))
    parts.append(rule(frame.left, frame.foot, frame.right, frame.foot, opacity=0.5))
    middle = (frame.left + frame.right) / 2
    parts.append(text(middle, frame.foot + 26, x_label, size=SMALL, anchor="middle", opacity=0.8))
    return drawing(width, height, title, *parts)
