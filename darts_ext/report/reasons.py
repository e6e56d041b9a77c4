"""Why each option was chosen, where several criteria judged together: rows of a table."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import NamedTuple

from .amounts import format_amount
from .charts.palette import MAGNITUDE
from .charts.svg import drawing, element
from .choicenames import sort_choices

BAR_WIDTH, BAR_HEIGHT = 54, 9


class Atom(NamedTuple):
    """What one criterion says of the chosen option: the share of options that are no better."""

    bar: str
    figure: str
    decided: bool


class Reason(NamedTuple):
    """A row of the table: what was chosen, what each criterion says of it, and which option came second."""

    choice: str
    chosen: str
    value: str
    atoms: list[Atom]
    deciding: str
    runner_up: str


def list_criteria(rows: Mapping[str, Mapping]) -> list[str]:
    """Returns the criteria that judged together, in their order."""
    return list(dict.fromkeys(name for row in rows.values() for name in row.get("atoms") or {}))


def list_reasons(rows: Mapping[str, Mapping]) -> list[Reason]:
    """Returns a row for each choice, or for each edge among which a node chose."""
    criteria = list_criteria(rows)
    return [_read_reason(choice, row, criteria) for choice, row in sort_choices(rows).items()]


def _read_reason(choice: str, row: Mapping, criteria: Sequence[str]) -> Reason:
    shares = row.get("atoms") or {}
    deciding = row.get("deciding") or ""
    atoms = []
    for name in criteria:
        decided = name == deciding
        bar = draw_bar(shares.get(name, nan), decided)
        atoms.append(Atom(bar, _format_share(shares.get(name)), decided))
    value = _format_share(row.get("value"))
    # a limit decided where a better option was passed over
    limited = (row.get("runner_up_value") or 0) > (row.get("value") or 0)
    return Reason(
        choice, _describe_chosen(row.get("chosen")), value, atoms, "a limit" if limited else deciding, _runner_up(row)
    )


def _describe_chosen(chosen: object) -> str:
    """The option; of an edge whether its node keeps it."""
    if isinstance(chosen, bool):
        return "kept" if chosen else "dropped"
    return str(chosen)


def _runner_up(row: Mapping) -> str:
    if not row.get("runner_up"):
        return ""
    return f"{row['runner_up']} {_format_share(row.get('runner_up_value'))}"


def _format_share(share: object) -> str:
    return format_amount(share, "{:.2f}")


def draw_bar(share: float, strong: bool) -> str:
    """Returns a share of one as a small bar.

    >>> draw_bar(0.5, True).count("<rect")
    2
    """
    filled = BAR_WIDTH * min(max(share, 0.0), 1.0) if isfinite(share) else 0.0
    opacity = "1" if strong else "0.45"
    return drawing(
        BAR_WIDTH,
        BAR_HEIGHT,
        _format_share(share),
        element("rect", x=0, y=0, width=BAR_WIDTH, height=BAR_HEIGHT, rx=2, fill="currentColor", fill_opacity="0.08"),
        element("rect", x=0, y=0, width=filled, height=BAR_HEIGHT, rx=2, fill=MAGNITUDE, fill_opacity=opacity),
    )
