"""What strategies of whole architectures share: measuring each, and ranking some beside each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from ..architecture import Architecture, realised
from ..costs import Costs
from ..evaluator import Evaluator
from ..numerics.tnorm import tnorm
from ..protocol import Selectable
from .panel import Atoms, Panel, compute_atoms

Build = Callable[[dict[str, str], dict[str, list[str]]], nn.Module]
SHOWN = 10  # candidates in a result


@dataclass(frozen=True)
class Ranking:
    """Some architectures beside each other.

    Args:
        measured: {criterion: {number of the architecture: value}}.
        atoms: {number: {criterion: its rank among them, in (0, 1]}}, where there are several criteria.
        values: {number: what they are ranked by}.
    """

    architectures: Sequence[Architecture]
    measured: Mapping[str, Mapping[int, float]]
    atoms: Mapping[int, Atoms]
    values: Mapping[int, float]

    @property
    def order(self) -> list[int]:
        """Their numbers, best first; of equals the first."""
        return sorted(self.values, key=lambda number: -self.values[number])

    @property
    def best(self) -> Architecture:
        """The first of the order."""
        return self.architectures[self.order[0]]

    def describe_best(self) -> list[dict]:
        """Returns the first few in built-in types."""
        return [self._describe(number) for number in self.order[:SHOWN]]

    def _describe(self, number: int) -> dict:
        return {
            "options": self.architectures[number].options,
            "inputs": self.architectures[number].inputs,
            "value": self.values[number],
            "measured": {criterion: values[number] for criterion, values in self.measured.items()},
            "atoms": self.atoms.get(number),
        }

    def score_options(self, net: Selectable) -> dict[str, dict[str, float]]:
        """Returns, for each option, the value of the best architecture that has it; minus infinity, if none has."""
        scores = {choice: dict.fromkeys(options, float("-inf")) for choice, options in net.choices().items()}
        for number, architecture in enumerate(self.architectures):
            for choice, option in architecture.options.items():
                if choice not in architecture.gone:
                    scores[choice][option] = max(scores[choice][option], self.values[number])
        return scores


class Arena:
    """Measures architectures by a panel, each once, and ranks any of them.

    Args:
        build: (decisions, inputs) -> the network to measure; by default the supernet with everything committed.
        combine: t-norm of several criteria.
    """

    def __init__(self, panel: Panel, build: Build | None, combine: str):
        self.panel = panel
        self.build = build
        self.combine = combine
        self.known: dict[tuple[str, tuple], float] = {}  # {(criterion, key of an architecture): value}

    @property
    def measured(self) -> int:
        """How many architectures were measured."""
        return len(self.known) // len(self.panel)

    def is_known(self, architecture: Architecture) -> bool:
        """Whether an architecture was measured already."""
        return (self.panel[0].name, architecture.key()) in self.known

    def rank(self, architectures: Sequence[Architecture]) -> Ranking:
        """Measures those that are new, and ranks all of them; several criteria are calibrated by rank among them."""
        new = sum(not self.is_known(architecture) for architecture in architectures)
        for judge in self.panel:
            judge.evaluator.budget.expect(new)
        measured: dict[str, dict[int, float]] = {}
        for judge in self.panel:
            values = [self._measure_once(judge.name, judge.evaluator, each) for each in architectures]
            measured[judge.name] = dict(enumerate(values))
        if len(self.panel) == 1:
            return Ranking(architectures, measured, {}, measured[self.panel[0].name])
        atoms = compute_atoms(measured)
        values = {number: tnorm(self.combine, atoms[number].values()) for number in range(len(architectures))}
        return Ranking(architectures, measured, atoms, values)

    def _measure_once(self, name: str, evaluator: Evaluator, architecture: Architecture) -> float:
        key = (name, architecture.key())
        if key not in self.known:
            self.known[key] = _measure(evaluator, architecture, self.build)
        return self.known[key]


def _measure(evaluator: Evaluator, architecture: Architecture, build: Build | None) -> float:
    if build:
        return evaluator.measure_network(build(architecture.options, architecture.inputs))
    with realised(evaluator.net, architecture):
        return evaluator.measure_network(evaluator.net)


def fits_limits(architecture: Architecture, limits: Sequence[Costs]) -> bool:
    """Whether an architecture meets every limit; dropped edges cost nothing."""
    present = {}
    for choice, option in architecture.options.items():
        if choice not in architecture.gone:
            present[choice] = option
    return all(cost.of(present) <= cost.limit for cost in limits)
