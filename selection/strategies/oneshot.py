"""Oneshot: every choice is scored on the network as it is, and all are decided at once."""

from ..decisions import Decisions
from ..lifts import score_edges
from ..protocol import allowed_options, surplus
from .panel import Judge, Panel


def oneshot(panel: Panel) -> Decisions:
    """Takes the best allowed option of every choice and the best edges of every node; ties go to the first.

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
    """Scores the options of a choice and takes the best of those allowed; ties go to the first."""
    scores = judge.score(choice)
    decisions.scores[choice] = scores
    decisions.options[choice] = max(allowed_options(judge.evaluator.net, choice), key=scores.__getitem__)


def keep_strongest(judge: Judge, node: str, decisions: Decisions) -> None:
    """Decides which edges a node keeps, strongest first; ties go to the first.

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
            weakest = min(reversed(staying), key=decisions.edges.__getitem__)
            staying.remove(weakest)
    decisions.inputs[node] = sorted(staying, key=lambda name: -decisions.edges.get(name, 0.0))
