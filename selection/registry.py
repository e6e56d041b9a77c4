"""Names for measures, lifts and criteria, so that they can be listed and picked by a string.

Other packages add theirs by decorator or entry point.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from importlib.metadata import entry_points
from typing import Any, TypeVar

from torch import Tensor, nn

from .errors import SelectionError, unknown

GROUP = "darts_ext.criteria"  # of the entry points
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Measure:
    """A number for a network on batches, higher is better.

    Args:
        function: (net, batches, **settings) -> float.
        additive: the value is a mean over images, so that the mean over batches is the value; such a measure can be
            raced.
        settings: names of the keyword settings that it takes; None where it hands on whatever it is given.
        needs: the macro structure that it is defined for; "" for any network.
        fixed: settings that it is called with.
        finer: the name of the measure that tells apart what this one does not; "" where there is none.
    """

    name: str
    function: Callable[..., float]
    additive: bool = False
    settings: frozenset[str] | None = frozenset()
    needs: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    finer: str = ""

    def __call__(self, net: nn.Module, batches: Sequence[tuple[Tensor, Tensor]] = (), **settings: object) -> float:
        return self.function(net, batches, **{**self.fixed, **settings})

    def with_settings(self, settings: Mapping[str, object]) -> "Measure":
        """Returns the measure with these settings fixed.

        A metric of one's own need not be a mean over images, nor have anything to do with the finer measure.
        """
        fixed = {**self.fixed, **settings}
        if fixed.get("metric") is not None:
            return replace(self, fixed=fixed, additive=False, finer="")
        return replace(self, fixed=fixed)

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return first_sentence(self.function)


@dataclass(frozen=True)
class Lift:
    """A score for every option of a choice, higher = keep.

    Args:
        function: (evaluator, choice) -> {option: score}.
        same_images: it scores all options on the same images, so that batches cannot be drawn anew in between.
    """

    name: str
    function: Callable[..., dict[str, float]]
    same_images: bool = False

    def __call__(self, evaluator: Any, choice: str) -> dict[str, float]:
        return self.function(evaluator, choice)

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return first_sentence(self.function)


@dataclass(frozen=True)
class Criterion:
    """A lift, and the measure that it turns into scores; a lift that only reads the network has no measure.

    Args:
        strategy: what it is used with, where none is named.
    """

    lift: Lift
    measure: Measure | None
    summary: str
    strategy: str = "oneshot"


_MEASURES: dict[str, Measure] = {}
_LIFTS: dict[str, Lift] = {}
_CRITERIA: dict[str, Criterion] = {}
_LOADED: set[str] = set()


def register_measure(
    name: str, *, additive: bool = False, settings: Iterable[str] = (), needs: str = "", finer: str = ""
) -> Callable[[Function], Function]:
    """Registers measure(net, batches) -> float, higher is better; the function itself stays as it is.

    Args:
        name: taken once, and made of letters, digits, _ and -.
        additive: the measure is a mean over images, so that the mean of the batches' values is the value; such a
            measure can be raced.
        settings: keyword settings that the function hands on by **settings, besides those that its signature shows.
        needs: "mlp", if only fully-connected networks have it.
        finer: the name of the measure that decides between options that this one scores alike.
    """
    _check_decorated("measure", name)

    def register(function: Function) -> Function:
        taken = _read_settings(function, settings)
        _add(_MEASURES, "measure", name, Measure(name, function, additive, taken, needs, finer=finer))
        return function

    return register


def register_lift(name: str, *, same_images: bool = False) -> Callable[[Function], Function]:
    """Registers lift(evaluator, choice) -> {option: score}, higher = keep; the function itself stays as it is.

    Args:
        name: taken once, and made of letters, digits, _ and -.
        same_images: the lift scores all options on the same images.
    """
    _check_decorated("lift", name)

    def register(function: Function) -> Function:
        _add(_LIFTS, "lift", name, Lift(name, function, same_images))
        return function

    return register


def register_criterion(name: str, lift: str, measure: str | None, summary: str, strategy: str = "oneshot") -> None:
    """Registers a criterion: the names of its lift and of the measure it lifts, one line that says what it is, and the
    strategy that suits it.

    Raises:
        SelectionError: the lift or the measure is not registered yet, or the name cannot be taken.
    """
    lifted = None if measure is None else _find(_MEASURES, "measure", measure)
    _add(_CRITERIA, "criterion", name, Criterion(_find(_LIFTS, "lift", lift), lifted, summary, strategy))


def find_measure(name: str) -> Measure:
    """Returns the measure of that name."""
    load_plugins()
    return _find(_MEASURES, "measure", name)


def find_lift(name: str) -> Lift:
    """Returns the lift of that name."""
    load_plugins()
    return _find(_LIFTS, "lift", name)


def find_registered(name: str) -> Criterion | None:
    """Returns the criterion that was registered by that name, or None."""
    load_plugins()
    return _CRITERIA.get(name)


def list_measures(pattern: str = "*") -> list[str]:
    """Lists the measures whose names match a shell pattern."""
    return _list_matching(_MEASURES, pattern)


def list_lifts(pattern: str = "*") -> list[str]:
    """Lists the lifts whose names match a shell pattern."""
    return _list_matching(_LIFTS, pattern)


def list_criteria(pattern: str = "*") -> list[str]:
    """Lists the criteria whose names match a shell pattern.

    >>> from selection import list_criteria
    >>> list_criteria("pert*")
    ['perturbation', 'perturbation_loss']
    """
    return _list_matching(_CRITERIA, pattern)


def describe_criteria() -> dict[str, str]:
    """Returns {criterion: one line about it}."""
    return {name: _CRITERIA[name].summary for name in list_criteria()}


def load_plugins() -> None:
    """Imports the modules that installed packages name in the entry-point group `darts_ext.criteria`, once.

    Their decorators do the rest. One that fails is named in a warning.
    """
    if GROUP in _LOADED:
        return
    _LOADED.add(GROUP)  # first: a plug-in may itself ask for a list
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:  # anything can go wrong in somebody else's module
            warnings.warn(f"the plug-in {point.name} ({point.value}) cannot be loaded: {error}", stacklevel=2)


def list_keywords(function: Callable) -> list[str]:
    """Lists the parameters that a function takes by keyword only."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def first_sentence(function: Callable) -> str:
    """Returns the first line of a function's documentation."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _read_settings(function: Callable, handed_on: Iterable[str]) -> frozenset[str] | None:
    """Returns the settings that a measure takes by keyword; None for any, where it does not say what it hands on."""
    parameters = list(inspect.signature(function).parameters.values())
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    settings = {parameter.name for parameter in parameters[2:] if parameter.kind in named}
    hands_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if hands_on and not handed_on:
        return None
    return frozenset({*settings, *handed_on})


def _check_decorated(kind: str, name: object) -> None:
    if callable(name):
        raise SelectionError(f'register_{kind} takes the name of the {kind}: use @register_{kind}("name")')


def _add(names: dict, kind: str, name: str, record: object) -> None:
    """Adds a record; raises SelectionError for a name that is taken, or that the grammar of criteria would cut."""
    _check_is_name(kind, name)
    if not re.fullmatch(r"[\w-]+", name):
        raise SelectionError(f"the name of a {kind} is made of letters, digits, _ and -, which {name!r} is not")
    if name in names:
        raise SelectionError(f"a {kind} named {name!r} is registered already")
    names[name] = record


def _check_is_name(kind: str, name: object) -> None:
    if not isinstance(name, str):
        raise SelectionError(f"a {kind} is given by name, a string, not as an object of type {type(name).__name__}")


def _find(names: dict, kind: str, name: str) -> Any:
    _check_is_name(kind, name)
    if name not in names:
        raise unknown(kind, name, names)
    return names[name]


def _list_matching(names: Iterable[str], pattern: str) -> list[str]:
    load_plugins()
    return sorted(name for name in names if fnmatch(name, pattern))
