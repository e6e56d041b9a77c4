"""Oneshot: every choice is scored on the network as it is, and all are decided at once."""

from collections.abc import Mapping
from contextlib import suppress

from ..decisions import Decisions
from ..errors import SelectionError
from ..evaluator import Evaluator
from ..lifts import score_edges
from ..protocol import allowed_options, surplus
from .panel import Judge, Panel


def oneshot(panel: Panel) -> Decisions:
    """Takes the best allowed option of every choice and the best edges of every node.

    Those of equal score are told apart by the finer measure, as the loss where the accuracy is equal; where that is
    equal too, or there is none, ties go to the first.

    An edge is as good as what is lost without it; where the network is only read, as good as its best allowed option.
    """
    (judge,) = panel
    net = judge.evaluator.net
    judge.evaluator.budget.expect(1 + count_scores(net))
    decisions = Decisions()
    for choice in net.choices():
        decide_option(judge, choice, decisions)
    for node in net.inputs():
        keep_strongest(judge, node, decisions)
    return decisions


def count_scores(net) -> int:
    """Counts the options of all choices, and the edges among which nodes choose."""
    options = sum(len(names) for names in net.choices().values())
    edges = sum(len(names) for _, names in surplus(net).values())
    return options + edges


def decide_option(judge: Judge, choice: str, decisions: Decisions) -> None:
    """Scores the options of a choice and takes the best of those allowed; see `oneshot` for ties."""
    scores = judge.score(choice)
    decisions.scores[choice] = scores
    allowed = allowed_options(judge.evaluator.net, choice)
    highest = max(scores[option] for option in allowed)
    best = [option for option in allowed if scores[option] == highest]
    if len(best) > 1 and judge.finer:
        judge.evaluator.budget.expect(len(scores))
        with suppress(SelectionError):  # a loss that is not a number settles nothing
            finer = judge.finer.score(choice)
            decisions.settled[choice] = {option: finer[option] for option in best}
            best.sort(key=lambda option: -finer[option])
    decisions.options[choice] = best[0]


def keep_strongest(judge: Judge, node: str, decisions: Decisions) -> None:
    """Decides which edges a node keeps, strongest first; see `oneshot` for ties.

    Where all stay they are not measured: it would decide nothing.
    """
    evaluator = judge.evaluator
    keep, names = evaluator.net.inputs()[node]
    staying = list(names)
    if evaluator.measure is None:
        for name in names:
            decisions.edges[name] = decisions.scores[name][decisions.options[name]]
        staying.sort(key=lambda name: -decisions.edges[name])
        staying = staying[:keep]
    while len(staying) > keep:
        decisions.edges |= score_edges(evaluator, staying, keep)
        # DARTS-PT drops one edge and measures the others again
        drops = 1 if evaluator.protocol.remeasure_edges else len(staying) - keep
        for _ in range(drops):
            staying.remove(find_weakest(evaluator, staying, decisions.edges))
    decisions.inputs[node] = sorted(staying, key=lambda name: -decisions.edges.get(name, 0.0))


def find_weakest(evaluator: Evaluator, names: list[str], scores: Mapping[str, float]) -> str:
    """Returns the edge of lowest score; of several, the one that the finer measure says, or the last."""
    lowest = min(scores[name] for name in names)
    weakest = [name for name in names if scores[name] == lowest]
    if len(weakest) > 1 and evaluator.finer:
        with suppress(SelectionError):
            scores = score_edges(evaluator.finer, weakest, keep=1)
    return min(reversed(weakest), key=scores.__getitem__)
