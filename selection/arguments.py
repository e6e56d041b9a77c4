"""Values that are given in Python: one sentence for each that cannot be."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from .errors import SelectionError


def check_whole(name: str, value: object, least: int = 1, word: str | None = None) -> None:
    """Raises SelectionError unless this is a whole number of at least `least`, below 2**63, or that word."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) < 2**63
    if is_whole or (word is not None and value == word):
        return
    other = f", or {word!r}" if word else ""
    raise SelectionError(f"{name} is a number of at least {least}{other}, not {value!r}")


def check_function(name: str, value: object, arguments: str) -> None:
    """Raises SelectionError unless this is a function, or None.

    Args:
        arguments: what it is called with, as it is said to the user.
    """
    if value is not None and not callable(value):
        raise SelectionError(f"{name} is a function {arguments}, not an object of type {type(value).__name__}")


def check_limits(options: Mapping[str, Any]) -> None:
    """Raises SelectionError unless `limits` is {kind: most} and `tables` {kind: table}."""
    limits = options.get("limits") or {}
    tables = options.get("tables") or {}
    if not isinstance(limits, Mapping):
        raise SelectionError(f"limits is a dict {{kind: most}}, not an object of type {type(limits).__name__}")
    for kind, most in limits.items():
        if not isinstance(most, Real) or isinstance(most, bool) or most != most:
            raise SelectionError(f"the limit of {kind} is a number, not {most!r}")
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SelectionError("tables is a dict {kind: {option: cost}} or {kind: {choice: {option: cost}}}")
