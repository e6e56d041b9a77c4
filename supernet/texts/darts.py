"""The text of a DARTS cell, `Genotype(normal=[(operation, source), ...], normal_concat=..., reduce=..., ...)`."""

import re

from ..edge import Cell
from .data import read_data
from .fields import FIELDS, read_fields
from .literals import Literals, find_end

_CALL = re.compile(r"\bGenotype\s{0,40}\(|[Gg]enotype\w{0,40}\s{0,40}\(")


def write(cells: dict[str, Cell]) -> str:
    """Returns what DARTS codes print."""
    fields = []
    for group, (edges, concat) in cells.items():
        fields.append(f"{group}={[(edge.label, edge.source) for edge in edges]}")
        states = range(concat[0], concat[0] + len(concat))
        fields.append(f"{group}_concat={states if concat == tuple(states) else list(concat)}")
    return f"Genotype({', '.join(fields)})"


def find(text: str) -> list[int]:
    """Returns where `Genotype(` begins; names like it (`genotype(`, `Genotype_opt(`) count where there is none."""
    matches = list(_CALL.finditer(text))
    exact = [match for match in matches if re.match(r"Genotype\s*\(", match[0])]
    filled = [match for match in exact or matches if re.compile(r"\s*(?:#|\[|\(|\w+\s*=)").match(text, match.end())]
    return [match.start() for match in filled or exact or matches]


def read(text: str, start: int) -> tuple[str, dict[str, Cell], int]:
    """Returns format and cells of the call that begins at `start`, and where it ends."""
    end = find_end(text, text.index("(", start))
    positional, named = Literals(text[start:end]).arguments(FIELDS)
    if "cells" in named:  # the repr of a `Genotype` of ours
        return *read_data(named), end
    return "darts", read_fields(positional, named), end
