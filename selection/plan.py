"""A plan: which criteria decide, by which strategy, with which options, and how the network is measured.

`make_plan` refuses what cannot be, before there is a network; `Plan.check` tries the plan on a network and one batch;
`Plan.run` decides.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .architecture import draw_architecture, realised
from .arguments import check_function, check_whole
from .batches import Batches, check_batches, check_runs, fit_batches
from .budget import Budget, Listener
from .costs import check_reachable, count_costs
from .decisions import Selection
from .errors import SelectionError, unknown
from .evaluator import PROTOCOLS, Evaluator, MeasuringProtocol, form_finer
from .measure_settings import Settings, apply_settings, check_settings
from .measuring import take_measure
from .notes import collect_notes
from .protocol import Selectable, SelectableModule, allowed_options, check_selectable
from .registry import Criterion, find_measure, list_measures
from .spelling import Spelling, Term, find_criterion, parse_criterion
from .strategies import START, STRATEGIES, Judge, Panel, Strategy
from .task import Task, settle_targets, task_of


@dataclass(frozen=True)
class Plan:
    """Who decides, and how; made by `make_plan`.

    Args:
        spelling: the criteria as they were written.
        criteria: {term: criterion}, with the settings of their measures.
        strategy: what makes decisions of their scores.
        options: of the strategy.
        protocol: how the network is measured with options removed.
        task: loss and metric of one's own.
    """

    spelling: Spelling
    criteria: Mapping[str, Criterion]
    strategy: Strategy
    options: Mapping[str, Any]
    protocol: MeasuringProtocol
    task: Task

    def with_options(self, **options: object) -> "Plan":
        """Returns the plan with further options of its strategy.

        Raises:
            SelectionError: an option that the strategy does not take, or a value that cannot be.
        """
        joined = _join_tnorm(self.spelling, self.strategy, {**self.options, **options})
        _check_options(self.strategy, joined)
        self.strategy.check(self.criteria, joined)
        return replace(self, options=joined)

    def check(self, net: SelectableModule, x: Tensor, y: Tensor) -> None:
        """Takes every measure once, and compares limits with the least cost: what would fail late fails here.

        Measures are taken of the network as it is; if the strategy judges whole architectures, of one of them.

        Raises:
            SelectionError: what `run` would raise in the end.
        """
        check_selectable(net)
        if self.strategy.whole:
            state = realised(net, draw_architecture(net, torch.Generator().manual_seed(0)))
        else:
            state = nullcontext()
        batches = fit_batches(net, check_batches([(x, y)]))
        with state:
            for criterion in self.criteria.values():
                if criterion.measure:
                    take_measure(task_of(net).give(criterion.measure), net, batches)
        limited = count_costs(net, self.options.get("limits") or {}, x, self.options.get("tables"))
        check_reachable(net, limited, {choice: allowed_options(net, choice) for choice in net.choices()})

    def run(
        self,
        net: Selectable,
        batches: Batches | Callable[[], Iterable] | None = None,
        *,
        seed: int = 0,
        listener: Listener | None = None,
        **options: object,
    ) -> Selection:
        """Chooses an architecture; the arguments are those of `selection.select`.

        Args:
            options: further options of the strategy, for this call only, as `tune`, `build`, `checkpoint`, `resume`.
        """
        start = time.perf_counter()
        check_whole("seed", seed, least=0)
        seed = int(seed)
        check_function("listener", listener, "(done, expected evaluations)")
        joined = self.with_options(**options).options
        budget = Budget(listener)
        if batches is not None and not callable(batches):
            batches = check_batches(batches)  # once: a generator yields them to the first criterion only
        panel = self.form_panel(net, batches, seed=seed, budget=budget)
        if "start" in self.strategy.options:
            joined = {**joined, "start": self._find_start(joined, net, batches, seed, budget)}
        decisions = self.strategy.decide(panel, **joined)
        return Selection(
            **vars(decisions),
            criterion=self.spelling.criterion,
            strategy=self.strategy.name,
            evaluations=round(budget.evaluations, 6),
            saved=round(budget.saved, 6),
            notes=collect_notes(panel, decisions),
            seconds=time.perf_counter() - start,
        )

    def form_panel(
        self, net: SelectableModule, batches: Batches | Callable[[], Iterable] | None, *, seed: int, budget: Budget
    ) -> Panel:
        """Gives every criterion an evaluator of the network on the batches."""
        check_selectable(net)
        panel = []
        task = task_of(net)
        for name, criterion in self.criteria.items():
            measure = criterion.measure and task.give(criterion.measure)
            if measure and not batches:
                raise SelectionError(f"criterion {name} measures the network on data: give batches=[(x, y), ...]")
            if criterion.lift.same_images and callable(batches):
                raise SelectionError(
                    f"{name} scores all options on the same images: give batches as a list [(x, y), ...]"
                )
            evaluator = Evaluator(net, measure, batches or [], seed=seed, budget=budget, protocol=self.protocol)
            if measure and evaluator.batches:
                output = check_runs(net, evaluator.batches)
                evaluator.measure, notes = settle_targets(measure, output, evaluator.batches)
                evaluator.notes += notes
                evaluator.finer = form_finer(evaluator, lambda finer: task.give(self.task.give(finer)))
            panel.append(Judge(name, criterion.lift, evaluator))
        return panel

    def _find_start(
        self,
        options: Mapping[str, Any],
        net: Selectable,
        batches: Batches | Callable[[], Iterable] | None,
        seed: int,
        budget: Budget,
    ) -> object:
        """Returns the start of a search: what a criterion chooses, where it is the name of one."""
        start = options.get("start", START)
        if not isinstance(start, str):
            return start
        plan = make_plan(start, task=self.task)
        return plan.strategy.decide(plan.form_panel(net, batches, seed=seed, budget=budget), **plan.options)


def make_plan(
    criterion: str | Spelling,
    strategy: str | None = None,
    *,
    tuned: bool = False,
    protocol: str = "paired",
    race: float | None = None,
    settings: Settings | None = None,
    task: Task | None = None,
    **options: object,
) -> Plan:
    """Makes a plan of names and options, see `selection.select`.

    Args:
        criterion: text in the grammar of `selection.spelling`, or what `parse_criterion` made of it.
        strategy: by default the one that the text names, or what suits the criteria.
        tuned: whether the network will be trained between decisions.
        task: loss and metric of one's own, for the criteria that look at targets.

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
    options = _join_tnorm(spelling, chosen, options)
    _check_options(chosen, options)
    chosen.check(criteria, options)
    start = options.get("start")
    if isinstance(start, str):
        _check_start(start)
    check_settings(settings, list(criteria))
    for name, values in (settings or {}).items():
        criteria[name] = apply_settings(name, criteria[name], values)
    measuring = _choose_protocol(protocol, race, chosen)
    if protocol == "darts-pt":
        _check_images_may_change(criteria)
    return Plan(spelling, criteria, chosen, options, measuring, task)


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


def _join_tnorm(spelling: Spelling, strategy: Strategy, options: Mapping[str, object]) -> dict[str, object]:
    """Returns the options, with the t-norm of the spelling as `combine`."""
    joined = dict(options)
    if spelling.tnorm is None:
        return joined
    combine = joined.setdefault("combine", spelling.tnorm)
    if combine != spelling.tnorm:
        raise SelectionError(
            f"{spelling.text} joins by {spelling.tnorm}, and combine is {combine}: leave one of them out"
        )
    return joined


def _check_options(strategy: Strategy, options: Mapping[str, object]) -> None:
    strange = [name for name in options if name not in strategy.options]
    if strange:
        known = ", ".join(strategy.options) or "none"
        raise SelectionError(f"strategy {strategy.name} takes no {', '.join(strange)}; its options: {known}")


def _check_start(name: str) -> None:
    """Raises SelectionError for a start that is no criterion, or again searches from a start."""
    plan = make_plan(name)
    if "start" in plan.strategy.options:
        raise SelectionError(f"start is what another strategy chooses, and {name} is one of {plan.strategy.name}")


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
