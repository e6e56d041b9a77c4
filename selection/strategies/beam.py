"""Beam: several criteria and hard limits, decision after decision, the best few unfinished architectures kept (after
CQD-Beam, Arakelyan et al. 2021)."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from ..architecture import complete_architecture, realised
from ..arguments import check_limits, check_whole
from ..costs import Costs, Table, check_reachable, count_costs
from ..decisions import Decisions
from ..errors import SelectionError
from ..evaluator import Evaluator
from ..lifts import score_edges
from ..numerics.tnorm import tnorm
from ..protocol import Selectable, allowed_options, on_edges, surplus
from ..registry import Criterion
from .panel import Atoms, Judge, Panel, check_combine, compute_atoms, explain


@dataclass(frozen=True)
class Partial:
    """An unfinished architecture, and the values of its decisions so far."""

    inputs: dict[str, list[str]]
    options: dict[str, str]
    values: tuple[float, ...]


def beam(
    panel: Panel,
    *,
    width: int = 10,
    combine: str = "minimum",
    limits: Mapping[str, float] | None = None,
    tables: Mapping[str, Table] | None = None,
    rescore: bool = False,
) -> Decisions:
    """Finds the architecture whose decisions are jointly best by all criteria, among those within the limits.

    Each criterion scores every option on the network as it is and is calibrated by rank over all of them to an atom in
    (0, 1]. An option's value is the t-norm of its atoms. Nodes choose their edges first, then the choices their
    options, widest gap first; after each decision the `width` that promise most stay, of those that can still meet the
    limits. Values of different decisions are combined by the t-norm too (Lukasiewicz values by the product, because
    over many decisions they would be zero); equal minima are told apart by the next smallest, and so on. Without limits
    the first is the best there is; with them, it is for any `width` at least their number.

    Args:
        combine: "minimum", "product" or "lukasiewicz".
        limits, tables: see `costs.count_costs`.
        rescore: measure the architectures that are left at the end as wholes, with the supernet's weights, and take the
            best by the t-norm of those ranks.

    Raises:
        SelectionError: no architecture meets the limits.
    """
    net = panel[0].evaluator.net
    example = panel[0].evaluator.example() if limits else None
    limited = count_costs(net, limits or {}, example, tables)
    allowed = {choice: allowed_options(net, choice) for choice in net.choices()}
    check_reachable(net, limited, allowed)

    decisions = Decisions()
    option_atoms = compute_atoms({judge.name: _score_options(judge) for judge in panel})
    for choice, options in net.choices().items():
        decisions.scores[choice] = {option: tnorm(combine, option_atoms[choice, option].values()) for option in options}
    edge_atoms = _compute_edge_atoms(panel, decisions)
    decisions.edges = {edge: tnorm(combine, atoms.values()) for edge, atoms in edge_atoms.items()}

    survivors = _Search(net, decisions, allowed, limited, width, combine).run()
    best = _measure_whole(panel, survivors, combine) if rescore else survivors[0]
    _complete(net, decisions, allowed, best)
    for partial in survivors:
        decisions.candidates.append({"options": partial.options, "inputs": partial.inputs})
    for choice, option in best.options.items():
        rivals = {name: option_atoms[choice, name] for name in allowed[choice]}
        decisions.reasons[choice] = explain(option, rivals, combine)
    _explain_edges(decisions, best, edge_atoms)
    return decisions


def check_beam(criteria: Mapping[str, Criterion], options: Mapping[str, Any]) -> None:
    """Raises SelectionError for options of `beam` that cannot be."""
    check_whole("width", options.get("width", 1))
    check_limits(options)
    check_combine(options)
    if options.get("rescore") and not any(criterion.measure for criterion in criteria.values()):
        raise SelectionError("rescore measures whole architectures, and none of the criteria measures anything")


def _score_options(judge: Judge) -> dict[tuple[str, str], float]:
    """Returns {(choice, option): score} of every option of every choice."""
    scores = {}
    for choice in judge.evaluator.net.choices():
        for option, score in judge.score(choice).items():
            scores[choice, option] = score
    return scores


def _compute_edge_atoms(panel: Panel, decisions: Decisions) -> dict[str, Atoms]:
    """Returns {edge: {criterion: atom}} of the edges among which nodes choose."""
    nodes = surplus(panel[0].evaluator.net)
    if not nodes:
        return {}
    return compute_atoms({judge.name: _score_surplus_edges(judge.evaluator, decisions) for judge in panel})


def _score_surplus_edges(evaluator: Evaluator, decisions: Decisions) -> dict[str, float]:
    """Returns what is lost without each edge; where the network is only read, the value of its best option."""
    scores: dict[str, float] = {}
    for keep, edges in surplus(evaluator.net).values():
        if evaluator.measure is not None:
            scores |= score_edges(evaluator, edges, keep)
            continue
        for edge in edges:
            scores[edge] = max(decisions.scores[edge][option] for option in allowed_options(evaluator.net, edge))
    return scores


def _complete(net: Selectable, decisions: Decisions, allowed: Mapping[str, Sequence[str]], best: Partial) -> None:
    """Writes down the best partial architecture; a choice on a dropped edge takes its best option."""
    for choice, options in allowed.items():
        scores = decisions.scores[choice]
        decisions.options[choice] = best.options.get(choice) or max(options, key=scores.__getitem__)
    strongest_first = {}
    for node, edges in best.inputs.items():
        strongest_first[node] = sorted(edges, key=lambda edge: -decisions.edges[edge])
    decisions.inputs = complete_architecture(net, decisions.options, strongest_first).inputs


def _explain_edges(decisions: Decisions, best: Partial, edge_atoms: Mapping[str, Atoms]) -> None:
    """Writes down why each edge was kept or dropped, under its name and " (edge)"."""
    kept: set[str] = set()
    for edges in best.inputs.values():
        kept.update(edges)
    for edge, atoms in edge_atoms.items():
        decisions.reasons[f"{edge} (edge)"] = {
            "chosen": edge in kept,
            "value": decisions.edges[edge],
            "atoms": atoms,
        }


class _Search:
    """The search; `run` returns the `width` best complete architectures, best first."""

    def __init__(
        self,
        net: Selectable,
        decisions: Decisions,
        allowed: Mapping[str, Sequence[str]],
        limited: Sequence[Costs],
        width: int,
        combine: str,
    ):
        self.net = net
        self.decisions = decisions
        self.allowed = allowed
        self.limited = limited
        self.width = width
        self.combine = combine
        self.edge_of: dict[str, tuple[str, str]] = {}  # {choice: (node, edge)}, where the node chooses its edges
        for node, (_, edges) in surplus(net).items():
            for edge in edges:
                for choice in on_edges(net, [edge]):
                    self.edge_of[choice] = (node, edge)

    def run(self) -> list[Partial]:
        beams = [Partial({}, {}, ())]
        for node, (keep, edges) in surplus(self.net).items():
            extended: list[Partial] = []
            for partial in beams:
                extended += self._extend_inputs(partial, node, keep, edges)
            beams = self._keep_best(node, extended)
        for choice in sorted(self.allowed, key=lambda choice: -self._gap(choice)):
            extended = []
            for partial in beams:
                extended += self._extend_options(partial, choice)
            beams = self._keep_best(choice, extended)
        return beams

    def _extend_inputs(self, partial: Partial, node: str, keep: int, edges: Sequence[str]) -> list[Partial]:
        extended = []
        for kept in combinations(edges, keep):
            values = [self.decisions.edges[edge] for edge in kept]
            inputs = {**partial.inputs, node: list(kept)}
            extended.append(replace(partial, inputs=inputs, values=(*partial.values, *values)))
        return extended

    def _extend_options(self, partial: Partial, choice: str) -> list[Partial]:
        if self._is_dropped(partial, choice):
            return [partial]
        extended = []
        for option in self.allowed[choice]:
            value = self.decisions.scores[choice][option]
            options = {**partial.options, choice: option}
            extended.append(replace(partial, options=options, values=(*partial.values, value)))
        return extended

    def _keep_best(self, decided: str, partials: list[Partial]) -> list[Partial]:
        fitting = [partial for partial in partials if self._fits(partial)]
        if not fitting:
            limits = " and ".join(f"{cost.limit:,g} {cost.kind}" for cost in self.limited)
            raise SelectionError(f"no architecture found meets {limits} at once: raise a limit or the width")
        best = sorted(fitting, key=self._promise, reverse=True)[: self.width]
        value, *_ = self._promise(best[0])
        over = len(partials) - len(fitting)
        self.decisions.history.append({"decided": [decided], "value": value, "kept": len(best), "over": over})
        return best

    def _fits(self, partial: Partial) -> bool:
        """Whether some architecture that goes on from here meets every limit."""
        for cost in self.limited:
            if cost.least(self.net, self.allowed, partial.options, partial.inputs) > cost.limit:
                return False
        return True

    def _promise(self, partial: Partial) -> tuple[float, ...]:
        """Returns the value of an architecture if what is undecided takes its best; architectures are sorted by it.

        Minima are compared by the smallest value, then by the next (leximin); other t-norms by the product.
        """
        values = list(partial.values)
        for choice in self.allowed:
            if choice not in partial.options and not self._is_dropped(partial, choice):
                values.append(max(self._scores(choice)))
        if self.combine == "minimum":
            return tuple(sorted(values))
        return (tnorm("product", values),)

    def _is_dropped(self, partial: Partial, choice: str) -> bool:
        if choice not in self.edge_of:
            return False
        node, edge = self.edge_of[choice]
        return node in partial.inputs and edge not in partial.inputs[node]

    def _gap(self, choice: str) -> float:
        """Returns how far the best allowed option lies above the second."""
        first, second = heapq.nlargest(2, [*self._scores(choice), 0.0])
        return first - second

    def _scores(self, choice: str) -> list[float]:
        return [self.decisions.scores[choice][option] for option in self.allowed[choice]]


def _measure_whole(panel: Panel, survivors: list[Partial], combine: str) -> Partial:
    """Returns the survivor that is best when each is measured as a whole."""
    scores = {}
    for judge in panel:
        if judge.evaluator.measure:
            scores[judge.name] = {i: _measure(judge.evaluator, partial) for i, partial in enumerate(survivors)}
    atoms = compute_atoms(scores)
    best = max(atoms, key=lambda index: tnorm(combine, atoms[index].values()))
    return survivors[best]


def _measure(evaluator: Evaluator, partial: Partial) -> float:
    net = evaluator.net
    options = {}
    for choice in net.choices():
        options[choice] = partial.options.get(choice) or allowed_options(net, choice)[0]
    with realised(net, complete_architecture(net, options, partial.inputs)):
        return evaluator.value({})
