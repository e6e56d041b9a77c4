"""Settings as a whole: checked, flattened into args.yaml, and read back from it."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

from .errors import UsageError

Settings = TypeVar("Settings")


def check_ranges(*settings: object) -> None:
    """Raises UsageError for the first field of these dataclasses that lies outside its range.

    A field that is None is left to its default, if it may be.

    >>> from darts_ext.config import SearchSettings
    >>> check_ranges(SearchSettings(epochs=0))
    Traceback (most recent call last):
    darts_ext.runtime.errors.UsageError: epochs must be at least 1, not 0
    """
    for part in settings:
        for field in fields(part):
            value = getattr(part, field.name)
            if value is None and "None" not in str(field.type):
                raise UsageError(f"{field.name} is empty: leave it out to have its default, {field.default!r}")
            allowed = field.metadata.get("range")
            if allowed and value is not None and not allowed.accepts(value):
                raise UsageError(f"{field.name} {allowed.text.format(value)}")


def flatten(*settings: object) -> dict[str, object]:
    """Returns the fields of several settings in one dict."""
    flat: dict[str, object] = {}
    for part in settings:
        flat |= asdict(part)
    return flat


def pick(kind: type[Settings], args: Mapping[str, object]) -> Settings:
    """Returns the settings of one kind from the arguments of a run."""
    names = [field.name for field in fields(kind)]
    return kind(**{name: args[name] for name in names if name in args})


def short_name(data: str) -> str:
    """Returns a data set's name as part of a folder's name.

    >>> short_name("folder:some/images")
    'images'
    """
    return Path(data.removeprefix("folder:")).name
