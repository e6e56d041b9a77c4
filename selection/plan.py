"""A plan: which criteria decide, by which strategy, with which options, and how the network is measured.

`Plan.check` tries the plan on a network and one batch; `Plan.run` decides.
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
from .errors import SelectionError
from .evaluator import Evaluator, MeasuringProtocol, form_finer
from .measuring import take_measure
from .notes import collect_notes
from .protocol import Selectable, SelectableModule, allowed_options, check_selectable
from .registry import Criterion
from .spelling import Spelling
from .strategies import Judge, Panel, Strategy
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
        start: who chooses where a local search begins.
        then: who judges a shortlist again.
    """

    spelling: Spelling
    criteria: Mapping[str, Criterion]
    strategy: Strategy
    options: Mapping[str, Any]
    protocol: MeasuringProtocol
    task: Task
    start: "Plan | None" = None
    then: "Plan | None" = None

    def with_options(self, **options: object) -> "Plan":
        """Returns the plan with further options of its strategy.

        Raises:
            SelectionError: an option that the strategy does not take, or a value that cannot be.
        """
        for name in ("start", "then"):
            if isinstance(options.get(name), str) and options[name] != self.options.get(name):
                raise SelectionError(f"{name} {options[name]} is a name, which a plan is made with: make_plan(...)")
        joined = join_spelling(self.spelling, {**self.options, **options})
        check_options(self.strategy, joined)
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
            for criterion in [*self.criteria.values(), *(self.then.criteria.values() if self.then else ())]:
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
        decisions = self.strategy.decide(panel, **self._ask_others(joined, net, batches, seed, budget))
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

    def _ask_others(
        self,
        options: Mapping[str, Any],
        net: Selectable,
        batches: Batches | Callable[[], Iterable] | None,
        seed: int,
        budget: Budget,
    ) -> dict[str, Any]:
        """Returns the options, with what a criterion chooses as `start`, and a panel as `then`, where they are names of
        criteria."""
        found = dict(options)
        if self.start and isinstance(options.get("start", ""), str):
            panel = self.start.form_panel(net, batches, seed=seed, budget=budget)
            found["start"] = self.start.strategy.decide(panel, **self.start.options)
        if isinstance(options.get("then"), str):
            if self.then is None:
                raise SelectionError(f"then is {options['then']}, which is not a criterion: give what judges")
            found["then"] = self.then.form_panel(net, batches, seed=seed, budget=budget)
        return found


def check_options(strategy: Strategy, options: Mapping[str, object]) -> None:
    strange = [name for name in options if name not in strategy.options]
    if {"then", "shortlist"} & set(strange):
        raise SelectionError(
            f"a shortlist is made of whole architectures, and {strategy.name} decides option by option: name sample or "
            f"local, as CRITERION@sample:THEN"
        )
    if strange:
        known = ", ".join(strategy.options) or "none"
        raise SelectionError(f"strategy {strategy.name} takes no {', '.join(strange)}; its options: {known}")


def join_spelling(spelling: Spelling, options: Mapping[str, object]) -> dict[str, object]:
    """Returns the options, with what the spelling says of them: the t-norm as `combine`, `start` and `then`."""
    joined = dict(options)
    said = {"combine": ("joins by", spelling.tnorm), "start": ("starts at", spelling.start)}
    for name, (verb, spelt) in {**said, "then": ("is judged again by", spelling.then)}.items():
        if spelt is None:
            continue
        given = joined.setdefault(name, spelt)
        if isinstance(given, str) and given != spelt:
            raise SelectionError(f"{spelling.text} {verb} {spelt}, and {name} is {given}: leave one of them out")
    return joined
