"""Local: whole architectures around a given one, a decision changed at a time, as long as the measure improves."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..architecture import Architecture, complete_architecture, count_changes, list_neighbours
from ..arguments import check_function, check_limits, check_whole
from ..costs import Costs, Table, count_costs
from ..decisions import Decisions
from ..errors import SelectionError, unknown
from ..protocol import SelectableModule, allowed_options, surplus
from ..registry import Criterion
from .panel import Panel, check_combine
from .shortlist import check_shortlist, form_shortlist, take_best
from .whole import Arena, Build, Ranking, Spread, fits_limits

START = "parameters"  # chooses where a search begins that is not told
STEPS = ("best", "first")


def local(
    panel: Panel,
    *,
    start: Any = START,
    radius: int = 1,
    step: str = "best",
    candidates: int | None = None,
    build: Build | None = None,
    combine: str = "product",
    limits: Mapping[str, float] | None = None,
    tables: Mapping[str, Table] | None = None,
    shortlist: int | None = None,
    then: Any = None,
    then_build: Build | None = None,
    spread: Spread | None = None,
    memory: MutableMapping | None = None,
) -> Decisions:
    """Takes the best architecture that can be reached from `start` by changes that each improve it.

    What no option and no edge can show by itself, whole neighbours can: the best cells of NAS-Bench-201 are one
    decision away from the largest one. Several criteria are calibrated by rank within each neighbourhood and combined.

    Args:
        start: the name of a criterion that chooses it, {choice: option}, or a `Selection`.
        radius: in how many decisions the result may differ from it; 1 judges its neighbours once.
        step: "best" goes to the best of all neighbours, "first" to the first that is better, in a random order.
        candidates: how many architectures are measured at most; by default as many as it takes.
        build, combine, limits, tables, spread, memory: as of `sample`.
        shortlist, then, then_build: as of `sample`; the best of all that were looked at are judged again.

    Raises:
        SelectionError: a start that is no architecture of the network, or is above a limit.
    """
    evaluator = panel[0].evaluator
    net = evaluator.net
    second = form_shortlist(net, shortlist, then, then_build or build, combine, spread)
    limited = count_costs(net, limits or {}, evaluator.example() if limits else None, tables)
    first = _read_start(net, start, limited)
    search = _Search(Arena(panel, build, combine, spread, memory), first, radius, candidates, limited)
    reached, around, history = search.climb(step)
    if second:
        return replace(take_best(search.rank_all(), net, second), history=history)
    return replace(take_best(around, net, None), options=reached.options, inputs=reached.inputs, history=history)


def check_local(criteria: Mapping[str, Criterion], options: Mapping[str, Any]) -> None:
    """Raises SelectionError for options of `local` that cannot be."""
    check_whole("radius", options.get("radius", 1))
    if options.get("candidates") is not None:
        check_whole("candidates", options["candidates"])
    step = options.get("step", "best")
    if step not in STEPS:
        raise unknown("step", step, STEPS)
    if step == "first" and len(criteria) > 1:
        raise SelectionError("step first compares two architectures, and several criteria rank all neighbours: best")
    check_function("build", options.get("build"), "(decisions, inputs) -> network")
    check_limits(options)
    check_combine(options)
    check_shortlist(options)


@dataclass(frozen=True)
class _Search:
    """The neighbours of an architecture, as far as they may be looked at.

    Args:
        first: where it all starts.
    """

    arena: Arena
    first: Architecture
    radius: int
    candidates: int | None
    limits: list[Costs]
    seen: dict[tuple, Architecture] = field(default_factory=dict)

    def climb(self, step: str) -> tuple[Architecture, Ranking, list[dict]]:
        """Goes to better neighbours until there are none; returns what it reached, the last ranking, and the steps."""
        net = self.arena.panel[0].evaluator.net
        current, visited, history = self.first, set(), []
        around = self.look_around(current, step)
        while around.best is not current:
            visited.add(current.key())
            if around.best.key() in visited:  # ranks among other neighbours may say that it was better after all
                break
            history.append(_describe_step(net, current, around))
            current = around.best
            around = self.look_around(current, step)
        return current, around, history

    def look_around(self, current: Architecture, step: str) -> Ranking:
        """Ranks an architecture and its neighbours; the first that is better ends it, if that is the step."""
        neighbours = list(self._list_allowed(current))
        if step == "best":
            return self._rank([current, *self._afford(neighbours)])
        evaluator = self.arena.panel[0].evaluator
        order = torch.randperm(len(neighbours), generator=evaluator.generator, device="cpu").tolist()
        seen = [current]
        for number in order:
            seen += self._afford([neighbours[number]])
            ranking = self._rank(seen)
            if ranking.best is not current:
                return ranking
        return self._rank(seen)

    def rank_all(self) -> Ranking:
        """Ranks all architectures that were looked at."""
        return self.arena.rank(list(self.seen.values()))

    def _rank(self, architectures: list[Architecture]) -> Ranking:
        for architecture in architectures:
            self.seen.setdefault(architecture.key(), architecture)
        return self.arena.rank(architectures)

    def _list_allowed(self, current: Architecture) -> Iterator[Architecture]:
        net = self.arena.panel[0].evaluator.net
        for _, neighbour in list_neighbours(net, current):
            is_near = count_changes(net, self.first, neighbour) <= self.radius
            if is_near and fits_limits(neighbour, self.limits):
                yield neighbour

    def _afford(self, neighbours: list[Architecture]) -> list[Architecture]:
        """Returns those that may still be measured, and those that were."""
        affordable = []
        room = float("inf") if self.candidates is None else self.candidates - max(1, self.arena.measured)
        for neighbour in neighbours:
            is_new = not self.arena.is_known(neighbour)
            if not is_new or room >= 1:
                affordable.append(neighbour)
                room -= is_new
        return affordable


def _read_start(net: SelectableModule, start: Any, limits: list[Costs]) -> Architecture:
    """Returns the architecture of {choice: option} or of a selection."""
    options = start if isinstance(start, Mapping) else getattr(start, "options", None)
    if not isinstance(options, Mapping):
        raise SelectionError(f"start is a criterion's name, {{choice: option}} or a Selection, not {start!r}")
    for choice in net.choices():
        if options.get(choice) not in allowed_options(net, choice):
            raise SelectionError(
                f"start is no architecture of this network: {choice} is {options.get(choice)!r}, and can be "
                f"{', '.join(allowed_options(net, choice))}"
            )
    strange = [choice for choice in options if choice not in net.choices()]
    if strange:
        raise SelectionError(f"start is no architecture of this network, which has no choice {strange[0]}")
    inputs = getattr(start, "inputs", {})
    for node, (keep, names) in surplus(net).items():
        kept = inputs.get(node, [])
        if len(kept) != keep or not set(kept) <= set(names):
            raise SelectionError(f"start does not say which {keep} edges {node} keeps: give a Selection")
    architecture = complete_architecture(net, dict(options), {node: inputs[node] for node in surplus(net)})
    if not fits_limits(architecture, limits):
        most = " and ".join(f"{cost.limit:,g} {cost.kind}" for cost in limits)
        raise SelectionError(f"start costs more than {most}: raise the limit, or give another start")
    return architecture


def _describe_step(net: SelectableModule, current: Architecture, around: Ranking) -> dict:
    """Returns a step in built-in types: what was decided otherwise, from what to what, and the values."""
    best = around.best
    decided = next(name for name, neighbour in list_neighbours(net, current) if neighbour.key() == best.key())
    if decided in best.options:
        before, after = current.options[decided], best.options[decided]
    else:
        before, after = current.inputs[decided], best.inputs[decided]
    number = around.order[0]
    return {
        "decided": [decided],
        "from": before,
        "to": after,
        "value": around.values[number],
        "value_before": around.values[0],
        "compared": len(around.architectures),
    }
