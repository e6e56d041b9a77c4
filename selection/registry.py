"""Names for measures, lifts and criteria, so that they can be listed and picked by a string; other packages add theirs
by decorator or entry point."""

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import entry_points

from torch import Tensor, nn

from .errors import SelectionError, unknown

GROUP = "darts_ext.criteria"  # of the entry points
Measure = Callable[[nn.Module, list[tuple[Tensor, Tensor]]], float]
Lift = Callable[..., dict[str, float]]


@dataclass(frozen=True)
class Criterion:
    """A measure and the lift that turns it into a score for every option; readings of the net alone have no measure.
    `strategy` is what it is used with."""

    lift: Lift
    measure: str | None
    summary: str
    strategy: str = "oneshot"


_MEASURES: dict[str, Measure] = {}
_LIFTS: dict[str, Lift] = {}
_CRITERIA: dict[str, Criterion] = {}
_LOADED: set[str] = set()


def register_measure(name: str, *, additive: bool = False) -> Callable[[Measure], Measure]:
    """Registers measure(net, batches) -> float, higher is better; a name is taken once, and made of letters, digits, _
    and -.

    Args:
        additive: it is a mean over images, so that the mean of the batches' values is the value; such a measure can be
            raced.
    """
    _check_decorated("measure", name)

    def register(measure: Measure) -> Measure:
        _add(_MEASURES, "measure", name, measure)
        measure.additive = additive
        return measure

    return register


def register_lift(name: str) -> Callable[[Lift], Lift]:
    """Registers lift(probe, choice) -> {option: score}, higher = keep."""
    _check_decorated("lift", name)

    def register(lift: Lift) -> Lift:
        _add(_LIFTS, "lift", name, lift)
        return lift

    return register


def register_criterion(name: str, lift: str, measure: str | None, summary: str, strategy: str = "oneshot") -> None:
    """Registers a criterion: the names of its lift and of the measure it lifts, one line that says what it is, and the
    strategy that suits it.

    Raises:
        SelectionError: the lift or the measure is not registered yet, or the name cannot be taken.
    """
    if measure is not None:
        _find(_MEASURES, "measure", measure)
    _add(_CRITERIA, "criterion", name, Criterion(_find(_LIFTS, "lift", lift), measure, summary, strategy))


def find_measure(name: str) -> Measure:
    """The measure of that name."""
    load_plugins()
    return _find(_MEASURES, "measure", name)


def find_lift(name: str) -> Lift:
    """The lift of that name."""
    load_plugins()
    return _find(_LIFTS, "lift", name)


def find_criterion(name: str) -> Criterion:
    """The criterion of that name; "LIFT:MEASURE" is one without being registered, and a measure's name alone is
    "alone:MEASURE".

    >>> import selection
    >>> find_criterion("removal:naswot").summary
    'naswot, by removal'
    """
    load_plugins()
    _check_named("criterion", name)
    if name in _CRITERIA:
        return _CRITERIA[name]
    lift, _, measure = name.rpartition(":")
    if lift or measure in _MEASURES:
        find_measure(measure)
        return Criterion(
            _find(_LIFTS, "lift", lift or "alone"), measure, f"{measure}, by {lift or 'alone'}", "progressive"
        )
    raise unknown("criterion", name, {*_CRITERIA, *_MEASURES, "LIFT:MEASURE"})


def list_measures(pattern: str = "*") -> list[str]:
    """Names of measures that match a shell pattern."""
    return _matching(_MEASURES, pattern)


def list_lifts(pattern: str = "*") -> list[str]:
    """Names of lifts that match a shell pattern."""
    return _matching(_LIFTS, pattern)


def list_criteria(pattern: str = "*") -> list[str]:
    """Names of criteria that match a shell pattern.

    >>> from selection import list_criteria
    >>> list_criteria("pert*")
    ['perturbation', 'perturbation_loss']
    """
    return _matching(_CRITERIA, pattern)


def describe_criteria() -> dict[str, str]:
    """{criterion: one line}."""
    return {name: _CRITERIA[name].summary for name in list_criteria()}


def load_plugins() -> None:
    """Imports what installed packages name in the entry-point group `darts_ext.criteria`, once; their decorators do the
    rest. One that fails is named in a warning."""
    if GROUP in _LOADED:
        return
    _LOADED.add(GROUP)  # first: a plug-in may itself ask for a list
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:  # whatever a stranger's module does
            warnings.warn(f"the plug-in {point.name} ({point.value}) cannot be loaded: {error}", stacklevel=2)


def _check_decorated(kind: str, name: object) -> None:
    if callable(name):
        raise SelectionError(f'register_{kind} takes the name of the {kind}: use @register_{kind}("name")')


def _add(names: dict, kind: str, name: str, thing: object) -> None:
    """Raises SelectionError for a name that is taken, or that "+", ":", "@" and commas between names would take
    apart."""
    _check_named(kind, name)
    if not re.fullmatch(r"[\w-]+", name):
        raise SelectionError(f"the name of a {kind} is made of letters, digits, _ and -, which {name!r} is not")
    if name in names:
        raise SelectionError(f"a {kind} named {name!r} is registered already")
    names[name] = thing


def _check_named(kind: str, name: object) -> None:
    if not isinstance(name, str):
        raise SelectionError(f"a {kind} is told by its name, a string, not by an object of type {type(name).__name__}")


def _find(names: dict, kind: str, name: str):
    _check_named(kind, name)
    if name not in names:
        raise unknown(kind, name, names)
    return names[name]


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    load_plugins()
    return sorted(name for name in names if fnmatch(name, pattern))
