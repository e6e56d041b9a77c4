"""Making a plan of names and options: what cannot be is refused here, before there is a network."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .errors import SelectionError, unknown
from .evaluator import PROTOCOLS, MeasuringProtocol
from .measure_settings import Settings, apply_settings, check_settings
from .plan import Plan, check_options, join_spelling
from .registry import Criterion, find_measure, list_measures
from .spelling import Spelling, Term, find_criterion, parse_criterion
from .strategies import START, STRATEGIES, Strategy
from .task import Task


def make_plan(
    criterion: str | Spelling,
    strategy: str | None = None,
    *,
    tuned: bool = False,
    protocol: str = "paired",
    race: float | None = None,
    settings: Settings | None = None,
    task: Task | None = None,
    later: Collection[str] | Any = (),
    **options: object,
) -> Plan:
    """Makes a plan of names and options, see `selection.select`.

    Args:
        criterion: text in the grammar of `selection.spelling`, or what `parse_criterion` made of it.
        strategy: by default the one that the text names, or what suits the criteria.
        tuned: whether the network will be trained between decisions.
        task: loss and metric of one's own, for the criteria that look at targets.
        later: names that may stand for `then`, which is handed over when the plan is run.

    Raises:
        SelectionError: an unknown name, or settings and options that do not go together.
    """
    spelling = criterion if isinstance(criterion, Spelling) else parse_criterion(criterion)
    chosen = _choose_strategy(spelling, strategy, tuned)
    task = task or Task()
    criteria = {str(term): _resolve(term, chosen, task) for term in spelling.terms}
    if len(criteria) > 1 and not chosen.several:
        raise SelectionError(
            f"strategy {chosen.name} takes one criterion, not {spelling.joined}: beam and sample combine several"
        )
    options = join_spelling(spelling, options)
    check_options(chosen, options)
    chosen.check(criteria, options)
    of_then, then = _plan_then(options.get("then"), task, settings, later)
    check_settings(settings, [*criteria, *of_then])
    for name in [name for name in settings or {} if name in criteria]:
        criteria[name] = apply_settings(name, criteria[name], (settings or {})[name])
    measuring = _choose_protocol(protocol, race, chosen)
    if protocol == "darts-pt":
        _check_images_may_change(criteria)
    return Plan(spelling, criteria, chosen, options, measuring, task, _plan_start(options, chosen, task), then)


def suit_strategy(spelling: Spelling, tuned: bool) -> str:
    """Returns the strategy that suits some criteria.

    Perturbation is progressive if the network is tuned between decisions, and oneshot otherwise: a network in which
    some choices are committed says little before it has been trained for them. `ntk` is progressive, several criteria
    are a beam, `combination` is a sample.

    >>> suit_strategy(parse_criterion("perturbation"), tuned=False), suit_strategy(parse_criterion("ntk"), tuned=False)
    ('oneshot', 'progressive')
    """
    if spelling.is_combination:
        return "sample"
    first = spelling.terms[0]
    if len(spelling.terms) > 1:
        return "beam"
    criterion = find_criterion(first)
    if tuned and criterion.measure:
        return "progressive"
    return criterion.strategy


def _choose_strategy(spelling: Spelling, asked: str | None, tuned: bool) -> Strategy:
    if asked and spelling.strategy and asked != spelling.strategy:
        raise SelectionError(
            f"{spelling.text} names strategy {spelling.strategy}, and strategy is {asked}: leave one of them out"
        )
    name = asked or spelling.strategy or suit_strategy(spelling, tuned)
    if name not in STRATEGIES:
        raise unknown("strategy", name, STRATEGIES)
    return STRATEGIES[name]


def _resolve(term: Term, strategy: Strategy, task: Task) -> Criterion:
    """Returns the criterion of a term, its measure that of the task; whole architectures are judged by a measure.

    Some criteria have the name of the measure that does for networks what they do for options, as `parameters`.
    """
    criterion = find_criterion(term)
    if criterion.measure:
        return replace(criterion, measure=task.give(criterion.measure))
    if not strategy.whole:
        return criterion
    if term.name not in list_measures():
        raise SelectionError(
            f"criterion {term} reads options and measures nothing of a whole architecture: {strategy.name} takes "
            f"criteria with a measure"
        )
    return replace(criterion, measure=find_measure(term.name))


def _plan_start(options: Mapping[str, object], strategy: Strategy, task: Task) -> Plan | None:
    """Plans what chooses the start of a search, where it is told by name; it cannot be another search."""
    name = options.get("start", START)
    if "start" not in strategy.options or not isinstance(name, str):
        return None
    plan = make_plan(name, task=task)
    if "start" in plan.strategy.options:
        raise SelectionError(f"start is what another strategy chooses, and {name} is one of {plan.strategy.name}")
    return plan


def _plan_then(
    name: object, task: Task, settings: Settings | None, later: Collection[str]
) -> tuple[list[str], Plan | None]:
    """Plans what judges a shortlist again, where it is told by name; returns its criteria, too."""
    if not isinstance(name, str) or name in later:
        return [], None
    spelling = parse_criterion(name)
    if spelling.strategy or spelling.supernet:
        raise SelectionError(f"then is a criterion of whole architectures, without strategy and supernet, not {name}")
    own = {key: values for key, values in (settings or {}).items() if key in spelling.names}
    return spelling.names, make_plan(spelling, "sample", task=task, settings=own)


def _choose_protocol(name: str, race: float | None, strategy: Strategy) -> MeasuringProtocol:
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    if race is None and strategy.several:
        race = 0.0  # all options are weighed, not only the best
    protocol = PROTOCOLS[name]
    if race is not None:
        protocol = replace(protocol, race=race)
    if not isinstance(protocol.race, (int, float)) or not 0 <= protocol.race < 1:
        raise SelectionError(f"race is an error rate in [0, 1), not {race!r}")
    return protocol


def _check_images_may_change(criteria: Mapping[str, Criterion]) -> None:
    for name, criterion in criteria.items():
        if criterion.lift.same_images:
            raise SelectionError(f"{name} scores all options on the same images: leave protocol at paired")
