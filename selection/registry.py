"""Names for measures and criteria, so that they can be listed and picked by a string."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch

from torch import Tensor, nn

from .errors import SelectionError, unknown

Measure = Callable[[nn.Module, list[tuple[Tensor, Tensor]]], float]
_MEASURES: dict[str, Measure] = {}


@dataclass(frozen=True)
class Criterion:
    """A measure and the lift that turns it into a score for every option; readings of the net alone have no measure. `strategy` is what it is used with."""

    lift: Callable
    measure: str | None
    summary: str
    strategy: str


_CRITERIA: dict[str, Criterion] = {}


def register_measure(name: str) -> Callable[[Measure], Measure]:
    """Registers measure(net, batches) -> float, higher is better; a name is taken once."""

    def register(measure: Measure) -> Measure:
        if name in _MEASURES:
            raise SelectionError(f"a measure named {name!r} is registered already")
        _MEASURES[name] = measure
        return measure

    return register


def register_criterion(name: str, lift: Callable, measure: str | None, summary: str, strategy: str = "oneshot") -> None:
    """Registers a criterion: a lift, the measure it lifts, one line that says what it is, and the strategy that it is used with unless another is asked for."""
    if name in _CRITERIA:
        raise SelectionError(f"a criterion named {name!r} is registered already")
    _CRITERIA[name] = Criterion(lift, measure, summary, strategy)


def find_measure(name: str) -> Measure:
    """The measure of that name."""
    if name not in _MEASURES:
        raise unknown("measure", name, _MEASURES)
    return _MEASURES[name]


def find_criterion(name: str) -> Criterion:
    """The criterion of that name."""
    if name not in _CRITERIA:
        raise unknown("criterion", name, _CRITERIA)
    return _CRITERIA[name]


def list_measures(pattern: str = "*") -> list[str]:
    """Names of measures that match a shell pattern."""
    return _matching(_MEASURES, pattern)


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


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    return sorted(name for name in names if fnmatch(name, pattern))
