"""Decisions in their order, with the measure after each, as a step chart."""

from collections.abc import Iterable, Mapping, Sequence
from math import cos, isfinite, radians, sin
from typing import NamedTuple

from markupsafe import Markup

from .axes import CHARACTER, SMALL, Frame, add_unit, find_limits, find_ticks, measure_marks, rule
from .palette import MAGNITUDE, QUIET, Look
from .svg import drawing, element, text

TOP, PLOT_HEIGHT = 26, 132  # pixels
LABEL_STEP = 14  # pixels between two labels of a round
SLOPE = 55  # degrees that the labels rise


class Step(NamedTuple):
    """One round.

    Attributes:
        decided: (choice, option) of each decision in it.
        value: the measure after it, NaN where there is none.
    """

    decided: Sequence[tuple[str, str]]
    value: float


def draw_steps(steps: Sequence[Step], *, title: str, unit: str = "", look: Mapping[str, Look]) -> str:
    """Returns an SVG with a column for each round.

    The decisions stand below, the value is a dot in the colour of the round's first option; a line joins the values.

    >>> from darts_ext.report.charts.palette import assign_looks
    >>> steps = [Step([("cell/0/op", "none")], 0.5), Step([("cell/1/op", "none"), ("n3", "keeps 1")], float("nan"))]
    >>> svg = draw_steps(steps, title="accuracy", unit="%", look=assign_looks(["none"]))
    >>> svg.count('class="step"'), svg.count('class="decision"')
    (1, 3)
    """
    values = [step.value for step in steps]
    low, high = find_limits(values)
    marks = find_ticks(low, high, 4)
    label_length = _longest_label(steps)
    most_labels = max(len(step.decided) for step in steps)
    column = 12 + LABEL_STEP * most_labels
    left = max(measure_marks(marks), label_length * cos(radians(SLOPE)) - column / 2)
    right = left + column * len(steps)
    frame = Frame(left, right, TOP, TOP + PLOT_HEIGHT, 0, len(steps), low, high)
    head = add_unit(title, unit)
    stairs = element(
        "path", d=_trace_stairs(frame, values), fill="none", stroke=MAGNITUDE, stroke_width=1.5, stroke_opacity=0.6
    )
    parts = [text(4, 13, head, size=12, font_weight=600)]
    parts += frame.draw_levels(marks)
    parts.append(rule(left, frame.foot, right, frame.foot, opacity=0.5))
    parts.append(stairs)
    for i, step in enumerate(steps):
        parts += _draw_step(frame, i, step, look)
    width = max(right, left + CHARACTER * len(head)) + 12
    height = frame.foot + 20 + label_length * sin(radians(SLOPE))
    return drawing(width, height, head, *parts)


def _longest_label(steps: Iterable[Step]) -> float:
    """In pixels."""
    labels = [f"{choice} {option}" for step in steps for choice, option in step.decided]
    return CHARACTER * max(len(label) for label in labels)


def _trace_stairs(frame: Frame, values: Sequence[float]) -> str:
    """A level piece for each value, joined upright where two follow each other."""
    pieces = []
    pen = "M"
    for i, value in enumerate(values):
        if isfinite(value):
            start, end, y = frame.x(i), frame.x(i + 1), frame.y(value)
            pieces.append(f"{pen}{start:.1f} {y:.1f}H{end:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(pieces)


def _draw_step(frame: Frame, index: int, step: Step, look: Mapping[str, Look]) -> Iterable[Markup]:
    x = frame.x(index + 0.5)
    if isfinite(step.value):
        words = "; ".join(f"{choice}: {option}" for choice, option in step.decided)
        hint = element("title", f"{index + 1}. {words}: {step.value:.5g}")
        colour = _find_colour(step, look)
        yield element("circle", hint, cx=x, cy=frame.y(step.value), r=4.5, fill=colour, class_="step")
    middle = (len(step.decided) - 1) / 2
    for i, (choice, option) in enumerate(step.decided):
        label_x = x + LABEL_STEP * (i - middle) + 4
        yield _draw_decision(choice, option, label_x, frame.foot + 13)


def _find_colour(step: Step, look: Mapping[str, Look]) -> str:
    for _, option in step.decided:
        if option in look:
            return look[option].colour
    return QUIET


def _draw_decision(choice: str, option: str, x: float, y: float) -> Markup:
    words = element("tspan", f"{choice} ", fill_opacity=0.65) + element("tspan", option)
    slope = f"rotate({-SLOPE} {x:.1f} {y:.1f})"
    return text(x, y, words, size=SMALL + 0.5, anchor="end", transform=slope, class_="decision")
