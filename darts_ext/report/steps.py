"""Decisions in their order, with the measure after each, as a step chart."""

from collections.abc import Iterable, Mapping, Sequence
from math import cos, isfinite, radians, sin
from typing import NamedTuple

from markupsafe import Markup

from .charts import CHARACTER, SMALL, Frame, limits, rule, ticks
from .palette import MAGNITUDE, QUIET, Look
from .svg import drawing, element, text

TALL, LINE, SLOPE = 132, 14, 55  # height of the plot, distance between two labels of a round, degrees that they rise


class Step(NamedTuple):
    """One round: (what was decided, for what) of each decision in it, and the measure after it (NaN where there is
    none)."""

    decided: Sequence[tuple[str, str]]
    value: float


def step_chart(steps: Sequence[Step], *, title: str, unit: str = "", look: Mapping[str, Look]) -> str:
    """An SVG with a column for each round: its decisions below, a dot in the colour of the (first) chosen option at its
    value, a line from step to step.

    >>> from darts_ext.report.palette import looks
    >>> steps = [Step([("cell/0/op", "none")], 0.5), Step([("cell/1/op", "none"), ("n3", "keeps 1")], float("nan"))]
    >>> svg = step_chart(steps, title="accuracy", unit="%", look=looks(["none"]))
    >>> svg.count('class="step"'), svg.count('class="decision"')
    (1, 3)
    """
    low, high = limits([step.value for step in steps])
    marks = ticks(low, high, 4)
    longest = CHARACTER * max(len(f"{name} {chosen}") for step in steps for name, chosen in step.decided)
    column = 12 + LINE * max(len(step.decided) for step in steps)
    left = max(
        12 + CHARACTER * max((len(f"{mark:g}") for mark in marks), default=1),
        longest * cos(radians(SLOPE)) - column / 2,
    )
    right, top = left + column * len(steps), 26
    frame = Frame(left, right, top, top + TALL, 0, len(steps), low, high)
    head = f"{title} ({unit})" if unit else title
    return drawing(
        max(right, left + CHARACTER * len(head)) + 12,
        frame.foot + 20 + longest * sin(radians(SLOPE)),
        head,
        text(4, 13, head, size=12, font_weight=600),
        *frame.levels(marks),
        rule(left, frame.foot, right, frame.foot, opacity=0.5),
        element(
            "path",
            d=_stairs(frame, [step.value for step in steps]),
            fill="none",
            stroke=MAGNITUDE,
            stroke_width=1.5,
            stroke_opacity=0.6,
        ),
        *(part for i, step in enumerate(steps) for part in _step(frame, i, step, look)),
    )


def _stairs(frame: Frame, values: Sequence[float]) -> str:
    """A level piece for each value, joined upright where two follow each other."""
    pieces, drawn = [], False
    for i, value in enumerate(values):
        if isfinite(value):
            pieces.append(f"{'L' if drawn else 'M'}{frame.x(i):.1f} {frame.y(value):.1f}H{frame.x(i + 1):.1f}")
        drawn = isfinite(value)
    return "".join(pieces)


def _step(frame: Frame, index: int, step: Step, look: Mapping[str, Look]) -> Iterable[Markup]:
    x = frame.x(index + 0.5)
    words = "; ".join(f"{name}: {chosen}" for name, chosen in step.decided)
    if isfinite(step.value):
        colour = next((look[chosen].colour for _, chosen in step.decided if chosen in look), QUIET)
        hint = element("title", f"{index + 1}. {words}: {step.value:.5g}")
        yield element("circle", hint, cx=x, cy=frame.y(step.value), r=4.5, fill=colour, class_="step")
    for line, (name, chosen) in enumerate(step.decided):
        at, y = x + LINE * (line - (len(step.decided) - 1) / 2) + 4, frame.foot + 13
        where = f"rotate({-SLOPE} {at:.1f} {y:.1f})"
        yield text(
            at,
            y,
            element("tspan", f"{name} ", fill_opacity=0.65) + element("tspan", chosen),
            size=SMALL + 0.5,
            anchor="end",
            transform=where,
            class_="decision",
        )
