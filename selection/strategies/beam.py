"""Beam: several criteria and hard limits, decision after decision, the best few unfinished architectures kept (after
CQD-Beam, Arakelyan et al. 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..architecture import architecture, realised
from ..costs import Costs, Table, check_reachable, costs
from ..errors import SelectionError
from ..lifts import edges
from ..numerics.tnorm import tnorm
from ..probe import Probe
from ..protocol import Selectable, allowed_options, on_edges, surplus
from .oneshot import Decisions
from .panel import Atoms, Panel, atoms, reason


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
    """The architecture whose decisions are jointly best by all criteria, among those within the limits.

    Each criterion scores every option on the network as it is and is calibrated by rank over all of them to an atom in
    (0, 1]. An option's value is the t-norm of its atoms. Nodes choose their edges first, then the choices their
    options, widest gap first; after each decision the `width` that promise most stay, of those that can still meet the
    limits. Values of different decisions are combined by the t-norm too (Lukasiewicz values by the product, because
    over many decisions they would be zero); equal minima are told apart by the next smallest, and so on. Without limits
    the first is the best there is; with them, it is for any `width` at least their number.

    Args:
        combine: "minimum", "product" or "lukasiewicz".
        limits, tables: see `costs.costs`.
        rescore: measure the architectures that are left at the end as wholes, with the supernet's weights, and take the
            best by the t-norm of those ranks.

    Raises:
        SelectionError: no architecture meets the limits.
    """
    if width < 1:
        raise SelectionError(f"width must be at least 1, not {width}")
    net = panel[0].probe.net
    made = Decisions()
    limited = costs(net, limits or {}, panel[0].probe.example() if limits else None, tables)
    allowed = {choice: allowed_options(net, choice) for choice in net.choices()}
    check_reachable(net, limited, allowed)
    scores = {
        judge.name: {
            (choice, option): score for choice in allowed for option, score in judge.lift(judge.probe, choice).items()
        }
        for judge in panel
    }
    of = atoms(scores)
    value = {thing: tnorm(combine, found.values()) for thing, found in of.items()}
    made.scores = {
        choice: {option: value[choice, option] for option in options} for choice, options in net.choices().items()
    }
    made.edges, edge_atoms = _edge_values(panel, made, combine)
    survivors = _Beams(net, made, allowed, limited, width, combine).run()
    best = _rescored(panel, survivors, combine) if rescore else survivors[0]
    made.options = {
        choice: best.options.get(choice) or max(allowed[choice], key=made.scores[choice].__getitem__)
        for choice in allowed
    }
    made.inputs = architecture(
        net,
        made.options,
        {node: sorted(names, key=lambda name: -made.edges[name]) for node, names in best.inputs.items()},
    ).inputs
    made.candidates = [{"options": one.options, "inputs": one.inputs} for one in survivors]
    for choice, option in best.options.items():
        made.reasons[choice] = reason(option, {name: of[choice, name] for name in allowed[choice]}, combine)
    for name, found in edge_atoms.items():
        made.reasons[f"{name} (edge)"] = {
            "chosen": any(name in names for names in best.inputs.values()),
            "value": made.edges[name],
            "atoms": found,
        }
    return made


def _edge_values(panel: Panel, made: Decisions, combine: str) -> tuple[dict[str, float], dict[str, Atoms]]:
    """The values and atoms of the edges among which nodes choose."""
    net = panel[0].probe.net
    names = [name for _, fed in surplus(net).values() for name in fed]
    if not names:
        return {}, {}

    def scored(probe: Probe) -> dict[str, float]:
        if probe.measure is None:
            return {name: max(made.scores[name][option] for option in allowed_options(net, name)) for name in names}
        return {name: score for keep, fed in surplus(net).values() for name, score in edges(probe, fed, keep).items()}

    found = atoms({judge.name: scored(judge.probe) for judge in panel})
    return {name: tnorm(combine, found[name].values()) for name in names}, found


class _Beams:
    """The search: `run` returns the `width` best complete architectures, best first."""

    def __init__(
        self,
        net: Selectable,
        made: Decisions,
        allowed: Mapping[str, Sequence[str]],
        limited: Sequence[Costs],
        width: int,
        combine: str,
    ):
        self.net, self.made, self.allowed, self.limited, self.width, self.combine = (
            net,
            made,
            allowed,
            limited,
            width,
            combine,
        )
        self.edge_of = {
            choice: (node, name)
            for node, (_, names) in surplus(net).items()
            for name in names
            for choice in on_edges(net, [name])
        }

    def run(self) -> list[Partial]:
        beams = [Partial({}, {}, ())]
        for node, (keep, names) in surplus(self.net).items():
            beams = self._best(
                node, [extended for one in beams for extended in self._with_inputs(one, node, keep, names)]
            )
        for choice in sorted(self.allowed, key=lambda choice: -self._gap(choice)):
            beams = self._best(choice, [extended for one in beams for extended in self._with_option(one, choice)])
        return beams

    def _with_inputs(self, one: Partial, node: str, keep: int, names: Sequence[str]) -> list[Partial]:
        of = self.made.edges
        return [
            Partial({**one.inputs, node: list(kept)}, one.options, (*one.values, *map(of.get, kept)))
            for kept in combinations(names, keep)
        ]

    def _with_option(self, one: Partial, choice: str) -> list[Partial]:
        if self._is_dropped(one, choice):
            return [one]
        scores = self.made.scores[choice]
        return [
            Partial(one.inputs, {**one.options, choice: option}, (*one.values, scores[option]))
            for option in self.allowed[choice]
        ]

    def _best(self, decided: str, ones: list[Partial]) -> list[Partial]:
        fitting = [
            one
            for one in ones
            if all(cost.least(self.net, self.allowed, one.options, one.inputs) <= cost.limit for cost in self.limited)
        ]
        if not fitting:
            limits = " and ".join(f"{cost.limit:,g} {cost.kind}" for cost in self.limited)
            raise SelectionError(f"no architecture found meets {limits} at once: raise a limit or the width")
        kept = sorted(fitting, key=self._promise, reverse=True)[: self.width]
        self.made.history.append(
            {
                "decided": [decided],
                "value": self._promise(kept[0])[0],
                "kept": len(kept),
                "over": len(ones) - len(fitting),
            }
        )
        return kept

    def _promise(self, one: Partial) -> tuple[float, ...]:
        """The value of an architecture if what is undecided takes its best: minima from the smallest up, or the
        product."""
        undecided = [
            choice for choice in self.allowed if choice not in one.options and not self._is_dropped(one, choice)
        ]
        values = [
            *one.values,
            *(max(self.made.scores[choice][option] for option in self.allowed[choice]) for choice in undecided),
        ]
        return tuple(sorted(values)) if self.combine == "minimum" else (tnorm("product", values),)

    def _is_dropped(self, one: Partial, choice: str) -> bool:
        node, edge = self.edge_of.get(choice, (None, choice))
        return node in one.inputs and edge not in one.inputs[node]

    def _gap(self, choice: str) -> float:
        """How far the best allowed option lies above the second."""
        first, second = sorted([*(self.made.scores[choice][option] for option in self.allowed[choice]), 0.0])[-2:][::-1]
        return first - second


def _rescored(panel: Panel, survivors: list[Partial], combine: str) -> Partial:
    """The survivor that is best when each is measured as a whole."""

    def measured(probe: Probe, one: Partial) -> float:
        whole = {
            choice: one.options.get(choice) or allowed_options(probe.net, choice)[0] for choice in probe.net.choices()
        }
        with realised(probe.net, architecture(probe.net, whole, one.inputs)):
            return probe.of(probe.net)

    measuring = [judge for judge in panel if judge.probe.measure]
    if not measuring:
        raise SelectionError("rescore measures whole architectures, and none of the criteria measures anything")
    found = atoms(
        {judge.name: {index: measured(judge.probe, one) for index, one in enumerate(survivors)} for judge in measuring}
    )
    return survivors[max(found, key=lambda index: tnorm(combine, found[index].values()))]
