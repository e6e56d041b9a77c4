"""A shortlist: the best architectures by one judge are judged again by another, which has the last word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from ..architecture import Architecture, count_architectures
from ..arguments import check_function, check_whole
from ..batches import FAILURES
from ..decisions import Decisions
from ..errors import SelectionError, first_line
from ..protocol import SelectableModule
from .panel import Panel
from .whole import Arena, Build, Ranking, Spread

SHORTLIST = 20

# (decisions, inputs) -> a number, higher is better; or an object whose `judge_all([(decisions, inputs), ...])` returns
# for each the numbers by which they are compared, the first first, as {"epochs": 8, "accuracy": 61.2}
Then = Callable[[dict[str, str], dict[str, list[str]]], float]


@dataclass(frozen=True)
class Shortlist:
    """How the best are judged again.

    Args:
        length: how many.
        then: a panel of criteria, or see `Then`.
        build, combine: of a panel.
    """

    length: int
    then: Panel | Then | Any
    build: Build | None
    combine: str
    spread: Spread | None

    def judge(self, ranking: Ranking) -> list[dict]:
        """Returns the shortlist in built-in types, best first; of equals the first by the earlier judge."""
        numbers = ranking.order[: self.length]
        architectures = [ranking.architectures[number] for number in numbers]
        verdicts = self._judge_all(architectures)
        judged = []
        for number, verdict in zip(numbers, verdicts):
            described = ranking.describe(number)
            judged.append({name: described[name] for name in ("options", "inputs", "value")} | {"then": verdict})
        return sorted(judged, key=lambda row: [-value for value in row["then"].values()])

    def _judge_all(self, architectures: Sequence[Architecture]) -> list[dict[str, float]]:
        asked = [(each.options, each.inputs) for each in architectures]
        if isinstance(self.then, Sequence):
            ranking = Arena(self.then, self.build, self.combine, self.spread).rank(architectures)
            return [{"value": ranking.values[number]} for number in range(len(architectures))]
        try:
            if hasattr(self.then, "judge_all"):
                return [dict(verdict) for verdict in self.then.judge_all(asked)]
            return [{"value": _check_number(self.then(*each))} for each in asked]
        except SelectionError:
            raise
        except FAILURES as error:
            raise SelectionError(f"then: {first_line(error)}") from error


def _check_number(value: object) -> float:
    if not isinstance(value, Real) or value != value:
        raise SelectionError(f"then returns a number for each architecture, not {value!r}")
    return float(value)


def form_shortlist(
    net: SelectableModule,
    shortlist: int | None,
    then: Any,
    build: Build | None,
    combine: str,
    spread: Spread | None,
) -> Shortlist | None:
    """Returns the second stage that the options of a strategy ask for, if they ask for one.

    Raises:
        SelectionError: the shortlist is longer than the space.
    """
    if then is None:
        return None
    if shortlist and shortlist > count_architectures(net):
        raise SelectionError(f"shortlist is {shortlist}, and the space has {count_architectures(net)} architectures")
    return Shortlist(shortlist or SHORTLIST, then, build, combine, spread)


def take_best(ranking: Ranking, net: SelectableModule, second: Shortlist | None) -> Decisions:
    """Decides for the best of some architectures; for the best of the shortlist, where there is one."""
    decisions = Decisions(
        ranking.best.options, ranking.best.inputs, scores=ranking.score_options(net), candidates=ranking.describe_best()
    )
    if second is None:
        return decisions
    judged = second.judge(ranking)
    return replace(decisions, options=judged[0]["options"], inputs=judged[0]["inputs"], shortlist=judged)


def check_shortlist(options: Mapping[str, Any]) -> None:
    """Raises SelectionError for options of a second stage that cannot be."""
    then = options.get("then")
    if options.get("shortlist") is not None:
        check_whole("shortlist", options["shortlist"], least=2)
        if then is None:
            raise SelectionError("shortlist says how many are judged again, and nothing says by whom: give then")
    if then is None or isinstance(then, (str, Sequence)) or hasattr(then, "judge_all"):
        return
    check_function("then", then, "(decisions, inputs) -> number, or a criterion's name")
