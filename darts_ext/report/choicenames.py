"""Choices as the report shows them: `normal/3/op` is the operation on edge 3 of the normal cell."""

from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")


def edge_number(choice: str) -> str:
    """Returns EDGE alone; a name of any other form stays whole.

    >>> edge_number("normal/3/op"), edge_number("depth")
    ('3', 'depth')
    """
    parts = choice.split("/")
    return parts[1] if len(parts) == 3 else choice


def sort_choices(rows: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the rows sorted by the names of their choices, numbers by their value.

    >>> list(sort_choices({"normal/10/op": {}, "normal/9/op": {}, "cell/11/op": {}}))
    ['cell/11/op', 'normal/9/op', 'normal/10/op']
    """
    return {choice: rows[choice] for choice in sorted(rows, key=_sort_key)}


def _sort_key(choice: str) -> list[tuple[bool, int, str]]:
    """Numbers come before words, and 9 before 10."""
    key = []
    for part in choice.split("/"):
        number = int(part) if part.isdigit() else 0
        key.append((not part.isdigit(), number, part))
    return key
