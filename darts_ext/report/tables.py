"""What several criteria or many candidates say, as rows of a table."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import NamedTuple

from .palette import MAGNITUDE, QUIET, Look
from .svg import drawing, element

BAR, THICK, SQUARE = 54, 9, 15


class Reason(NamedTuple):
    """Why an option was chosen: (bar, figure, whether it decided) of each criterion, and who came second."""

    choice: str
    chosen: str
    value: str
    atoms: list[tuple[str, str, bool]]
    deciding: str
    runner_up: str


class Candidate(NamedTuple):
    """One of the best whole architectures: its value, what was measured of it, and a square for each option."""

    value: str
    measured: list[str]
    squares: str


def amount(value: object, form: str = "{:.4g}") -> str:
    """A number as it is read, a dash where there is none.

    >>> amount(0.25), amount(None), amount(12.5, "{:,.1f}")
    ('0.25', '–', '12.5')
    """
    return form.format(value) if isinstance(value, (int, float)) and isfinite(value) else "\u2013"


def in_order(rows: Mapping[str, Mapping]) -> dict[str, Mapping]:
    """Rows by group and number, whatever the order in which they were decided.

    >>> list(in_order({"normal/10/op": {}, "normal/9/op": {}, "cell/11/op": {}}))
    ['cell/11/op', 'normal/9/op', 'normal/10/op']
    """
    return dict(
        sorted(
            rows.items(),
            key=lambda item: [
                (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in item[0].split("/")
            ],
        )
    )


def criteria_of(rows: Mapping[str, Mapping]) -> list[str]:
    """The criteria that judged together, in their order."""
    return list(dict.fromkeys(name for row in rows.values() for name in row.get("atoms") or {}))


def reasons(rows: Mapping[str, Mapping]) -> list[Reason]:
    """A row for each choice, and for each edge among which a node chose."""
    names = criteria_of(rows)
    return [_reason(choice, row, names) for choice, row in in_order(rows).items()]


def _reason(choice: str, row: Mapping, names: Sequence[str]) -> Reason:
    atoms, chosen = row.get("atoms") or {}, row.get("chosen")
    deciding = row.get("deciding") or ""
    cells = [
        (bar(atoms.get(name, nan), name == deciding), amount(atoms.get(name), "{:.2f}"), name == deciding)
        for name in names
    ]
    second = f"{row['runner_up']} {amount(row.get('runner_up_value'), '{:.2f}')}" if row.get("runner_up") else ""
    shown = {True: "kept", False: "dropped"}[chosen] if isinstance(chosen, bool) else str(chosen)
    limited = (row.get("runner_up_value") or 0) > (row.get("value") or 0)
    return Reason(choice, shown, amount(row.get("value"), "{:.2f}"), cells, "a limit" if limited else deciding, second)


def bar(share: float, strong: bool) -> str:
    """A share of one as a small bar.

    >>> bar(0.5, True).count("<rect")
    2
    """
    long = BAR * min(max(share, 0.0), 1.0) if isfinite(share) else 0.0
    return drawing(
        BAR,
        THICK,
        amount(share, "{:.2f}"),
        element("rect", x=0, y=0, width=BAR, height=THICK, rx=2, fill="currentColor", fill_opacity="0.08"),
        element(
            "rect", x=0, y=0, width=long, height=THICK, rx=2, fill=MAGNITUDE, fill_opacity="1" if strong else "0.45"
        ),
    )


def candidates(found: Sequence[Mapping], look: Mapping[str, Look]) -> tuple[list[str], list[Candidate]]:
    """The heads of the columns of what was measured, and a row for each candidate that has a value."""
    rows = [row for row in found if "value" in row]
    heads = list(dict.fromkeys(name for row in rows for name in row.get("measured") or {}))
    heads = heads if len(heads) > 1 else []  # the value of a single criterion is what it measured
    return heads, [
        Candidate(
            amount(row["value"]), [amount((row.get("measured") or {}).get(name)) for name in heads], _squares(row, look)
        )
        for row in rows
    ]


def _squares(row: Mapping, look: Mapping[str, Look]) -> str:
    """A square in its option's colour for each choice; an outline where the edge is dropped."""
    kept = {name for names in (row.get("inputs") or {}).values() for name in names}
    parts = []
    for i, (choice, option) in enumerate(row["options"].items()):
        there = not kept or choice in kept
        hint = element("title", f"{choice}: {option}" if there else f"{choice}: dropped")
        colour = look[option].colour if there and option in look else "none"
        parts.append(
            element(
                "rect",
                hint,
                x=SQUARE * i + 1,
                y=1,
                width=SQUARE - 2,
                height=SQUARE - 2,
                rx=2,
                fill=colour,
                stroke=QUIET,
                stroke_opacity="0" if there else "0.6",
            )
        )
    return drawing(SQUARE * len(row["options"]), SQUARE, "options", *parts)
