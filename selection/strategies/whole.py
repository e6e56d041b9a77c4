"""What strategies of whole architectures share: measuring each, and ranking some beside each other."""

import statistics
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..architecture import Architecture, realised
from ..batches import Batches
from ..costs import Costs
from ..errors import SelectionError
from ..evaluator import Evaluator, take_with_notes
from ..numerics.tnorm import calibrate, tnorm
from ..protocol import Selectable
from ..registry import Measure
from .panel import Atoms, Judge, Panel

# (decisions, inputs) -> the network to measure, or several, as of several draws of its weights
Build = Callable[[dict[str, str], dict[str, list[str]]], nn.Module | Iterable[nn.Module]]
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Key = tuple[str, tuple]  # a criterion, and the key of an architecture
Taken = tuple[list[float], list[str]]  # values of the networks of an architecture, and what the measure had to say
SHOWN = 10  # candidates in a result


@dataclass(frozen=True)
class Ranking:
    """Some architectures beside each other.

    Args:
        measured: {criterion: {number of the architecture: value}}.
        atoms: {number: {criterion: its rank among them, in (0, 1]}}, where there are several criteria, or several
            networks of each.
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
        return [self.describe(number) for number in self.order[:SHOWN]]

    def describe(self, number: int) -> dict:
        """Returns one in built-in types."""
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
        build: see `Build`; by default the supernet with everything committed.
        combine: t-norm of several criteria.
        spread: a `map` that calls a function on many things, perhaps in other processes; for what `build` makes.
        memory: what was measured before, and is not measured again; what is measured is put there.
    """

    def __init__(
        self,
        panel: Panel,
        build: Build | None,
        combine: str,
        spread: Spread | None = None,
        memory: MutableMapping[Key, Taken] | None = None,
    ):
        self.panel = panel
        self.build = build
        self.combine = combine
        self.spread = spread if spread and build else map
        self.memory: MutableMapping[Key, Taken] = {} if memory is None else memory
        self.known: dict[Key, list[float]] = {}

    @property
    def measured(self) -> int:
        """How many architectures were measured."""
        return len(self.known) // len(self.panel)

    def is_known(self, architecture: Architecture) -> bool:
        """Whether an architecture was measured already."""
        return (self.panel[0].name, architecture.key()) in self.known

    def rank(self, architectures: Sequence[Architecture]) -> Ranking:
        """Measures those that are new, and ranks all of them.

        A criterion that was taken of several networks of each calibrates by rank among them, and means the ranks;
        several criteria are calibrated by rank and joined.
        """
        new = [architecture for architecture in architectures if not self.is_known(architecture)]
        for judge in self.panel:
            judge.evaluator.budget.expect(len(new))
        for judge in self.panel:
            self._measure(judge, new)
        drawn = {}
        for judge in self.panel:
            drawn[judge.name] = [self.known[judge.name, architecture.key()] for architecture in architectures]
        return rank_drawn(architectures, drawn, self.combine)

    def _measure(self, judge: Judge, architectures: Sequence[Architecture]) -> None:
        """Measures architectures that are not known; what the memory has is not measured again."""
        evaluator = judge.evaluator
        missing = [each for each in architectures if (judge.name, each.key()) not in self.memory]
        if self.build:
            take = MeasureBuilt(evaluator.measure, self.build)
            taken = self.spread(take, ((each, evaluator.draw_batches()) for each in missing))
        else:
            taken = (_measure_committed(evaluator, each) for each in missing)
        fresh = iter(taken)
        for architecture in architectures:
            key = (judge.name, architecture.key())
            if key not in self.memory:
                self.memory[key] = next(fresh)
            values, notes = self.memory[key]
            self.known[key] = values
            evaluator.add_notes(notes)
            evaluator.budget.count(1.0)


@dataclass(frozen=True)
class MeasureBuilt:
    """Measures what `build` makes of an architecture; can be sent to another process, as far as `build` can."""

    measure: Measure
    build: Build

    def __call__(self, asked: tuple[Architecture, Batches]) -> Taken:
        architecture, batches = asked
        built = self.build(architecture.options, architecture.inputs)
        networks = [built] if isinstance(built, nn.Module) else built
        values: list[float] = []
        notes: list[str] = []
        for draw, network in enumerate(networks):
            first = draw % len(batches)  # measures that look at a few images see others in each draw
            value, said = take_with_notes(self.measure, network, [*batches[first:], *batches[:first]])
            values.append(value)
            notes += [note for note in said if note not in notes]
        if not values:
            raise SelectionError("build made no network")
        return values, notes


def _measure_committed(evaluator: Evaluator, architecture: Architecture) -> Taken:
    with realised(evaluator.net, architecture):
        return [evaluator.measure_itself()], []


def rank_drawn(
    architectures: Sequence[Architecture], drawn: Mapping[str, Sequence[Sequence[float]]], combine: str
) -> Ranking:
    """Ranks architectures by {criterion: the values of each, one for every network that was made of it}."""
    measured, atoms_of = {}, {}
    for name, values in drawn.items():
        measured[name] = {number: statistics.fmean(row) for number, row in enumerate(values)}
        ranks = [calibrate(list(column)) for column in zip(*values)]
        atoms_of[name] = [statistics.fmean(column) for column in zip(*ranks)]
    names = list(drawn)
    if len(names) == 1 and len(drawn[names[0]][0]) == 1:
        return Ranking(architectures, measured, {}, measured[names[0]])
    atoms: dict[int, Atoms] = {}
    values = {}
    for number in range(len(architectures)):
        atoms[number] = {name: atoms_of[name][number] for name in names}
        values[number] = tnorm(combine, atoms[number].values())
    return Ranking(architectures, measured, atoms, values)


def fits_limits(architecture: Architecture, limits: Sequence[Costs]) -> bool:
    """Whether an architecture meets every limit; dropped edges cost nothing."""
    present = {}
    for choice, option in architecture.options.items():
        if choice not in architecture.gone:
            present[choice] = option
    return all(cost.of(present) <= cost.limit for cost in limits)
