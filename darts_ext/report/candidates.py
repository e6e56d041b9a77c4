"""The best whole architectures of a criterion that compares such: rows of a table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .amounts import format_amount
from .charts.palette import QUIET, Look
from .charts.svg import drawing, element

SQUARE = 15


class Candidate(NamedTuple):
    """A row of the table: the architecture's value, what was measured of it, and a square for each option."""

    value: str
    measured: list[str]
    squares: str


def list_candidates(candidates: Sequence[Mapping], look: Mapping[str, Look]) -> tuple[list[str], list[Candidate]]:
    """Returns the names of what was measured, and a row for each candidate that has a value."""
    valued = [candidate for candidate in candidates if "value" in candidate]
    measures = list(dict.fromkeys(name for candidate in valued for name in _measured(candidate)))
    if len(measures) == 1:  # what a single criterion measured is the value
        measures = []
    rows = []
    for candidate in valued:
        figures = [format_amount(_measured(candidate).get(name)) for name in measures]
        rows.append(Candidate(format_amount(candidate["value"]), figures, _draw_squares(candidate, look)))
    return measures, rows


def list_shortlist(shortlist: Sequence[Mapping], look: Mapping[str, Look]) -> tuple[list[str], list[Candidate]]:
    """Returns the names of what the second judge said, and a row for each architecture of a shortlist.

    `value` is what the first judge said.
    """
    names = list(dict.fromkeys(name for row in shortlist for name in row["then"]))
    rows = []
    for row in shortlist:
        figures = [format_amount(row["then"].get(name)) for name in names]
        rows.append(Candidate(format_amount(row["value"]), figures, _draw_squares(row, look)))
    return ["judged again" if name == "value" else name for name in names], rows


def _measured(candidate: Mapping) -> Mapping:
    return candidate.get("measured") or {}


def _draw_squares(candidate: Mapping, look: Mapping[str, Look]) -> str:
    """A square in its option's colour for each choice; an outline where the edge is dropped."""
    inputs = candidate.get("inputs") or {}
    kept = {choice for choices in inputs.values() for choice in choices}
    squares = []
    for i, (choice, option) in enumerate(candidate["options"].items()):
        present = not kept or choice in kept
        colour = look[option].colour if present and option in look else "none"
        square = element(
            "rect",
            element("title", f"{choice}: {option if present else 'dropped'}"),
            x=SQUARE * i + 1,
            y=1,
            width=SQUARE - 2,
            height=SQUARE - 2,
            rx=2,
            fill=colour,
            stroke=QUIET,
            stroke_opacity="0" if present else "0.6",
        )
        squares.append(square)
    return drawing(SQUARE * len(squares), SQUARE, "options", *squares)
