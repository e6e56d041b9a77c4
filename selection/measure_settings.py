"""Settings of measures, given by criterion: {"ntk": {"images": 64, "batchnorm": "running"}}."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .errors import SelectionError, unknown
from .registry import Criterion, Measure

Settings = Mapping[str, Mapping[str, object]]  # {criterion: {setting of its measure: value}}


def check_settings(settings: object, names: list[str]) -> None:
    """Raises SelectionError unless these are {criterion: {setting: value}}."""
    if settings is None:
        return
    if not isinstance(settings, Mapping):
        raise SelectionError(
            f"settings is a dict {{criterion: {{setting: value}}}}, not an object of type {type(settings).__name__}"
        )
    strange = [str(name) for name in settings if name not in names]
    if strange:
        raise SelectionError(f"settings names {', '.join(strange)}, which is not among the criteria {', '.join(names)}")
    for name, values in settings.items():
        if not isinstance(values, Mapping):
            raise SelectionError(
                f"settings of {name} is a dict {{setting: value}}, not an object of type {type(values).__name__}"
            )


def apply_settings(name: str, criterion: Criterion, values: Mapping[str, object]) -> Criterion:
    """Returns the criterion, its measure with these settings."""
    measure: Measure | Any = criterion.measure  # None takes no settings
    known = measure.settings if measure else frozenset()
    for setting in values:
        if known is not None and not known:
            raise SelectionError(f"{name} takes no settings: leave {setting!r} out")
        if known is not None and setting not in known:
            raise unknown(f"setting of {name}", setting, known)
    if not values:
        return criterion
    return replace(criterion, measure=measure.with_settings(values))
