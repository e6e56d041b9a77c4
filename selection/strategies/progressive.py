"""Progressive: some choices are decided and committed, the network is tuned, and the next are scored on what it has
become; the topology comes last."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import torch

from ..decisions import Decisions
from ..errors import unknown
from ..evaluator import Evaluator
from ..gates import committed, masked
from ..protocol import allowed_options, group_of, on_edges, surplus
from ..registry import Criterion
from .oneshot import count_scores, decide_option, keep_strongest
from .panel import Judge, Panel

ORDERS = ("fixed", "random", "certain")


def progressive(
    panel: Panel,
    *,
    tune: Callable[[Decisions], None] | None = None,
    order: str | None = None,
    joint: bool | None = None,
    checkpoint: Callable[[dict], None] | None = None,
    resume: dict | None = None,
) -> Decisions:
    """Decides round by round, each round on the network in which the earlier decisions hold.

    So no two decisions can each rely on what the other takes away, as two `none` that together cut a cell in two.

    Args:
        tune: called after each round with the decisions so far; trains the network as it stands (committed options stay
            committed).
        order: "fixed" as the choices come, "random", or "certain": the widest gap between the best two scores first.
        joint: one order over all choices; False decides one choice of every group (normal, reduce) in each round.
        checkpoint: called after each round (and its tuning) with a dict of built-in types and tensors; `resume` takes
            it, on the network as it was then.
    """
    (judge,) = panel
    evaluator = judge.evaluator
    if resume:
        rounds, done = resume["rounds"], resume["done"]
        decisions = Decisions(**resume["made"])
        evaluator.load(resume)
    else:
        rounds, done = _plan_rounds(judge, order, joint), 0
        decisions = Decisions()
        evaluator.budget.expect(len(rounds) + count_scores(evaluator.net))
    with ExitStack() as commitments:
        for number, names in enumerate(rounds):
            if number < done:
                for name in names:
                    _commit(evaluator, commitments, name, decisions)
                continue
            _decide_round(judge, commitments, names, decisions, tune)
            if checkpoint:
                progress = {"rounds": rounds, "done": number + 1, "made": asdict(decisions)}
                checkpoint(progress | evaluator.state())
        for node in evaluator.net.inputs():
            if node not in surplus(evaluator.net):
                keep_strongest(judge, node, decisions)
    return decisions


def check_progressive(criteria: Mapping[str, Criterion], options: Mapping[str, Any]) -> None:
    """Raises SelectionError for options of `progressive` that cannot be."""
    order = options.get("order")
    if order is not None and order not in ORDERS:
        raise unknown("order", order, ORDERS)


def _plan_rounds(judge: Judge, order: str | None, joint: bool | None) -> list[list[str]]:
    """Returns what each round decides: choices first, then nodes that drop edges."""
    evaluator = judge.evaluator
    protocol = evaluator.protocol
    order = order or protocol.order
    joint = protocol.joint if joint is None else joint
    choices = list(evaluator.net.choices())
    nodes = list(surplus(evaluator.net))
    if order == "random":
        choices = _shuffle(choices, evaluator.generator)
        nodes = _shuffle(nodes, evaluator.generator)
    if order == "certain":
        evaluator.budget.expect(sum(len(options) for options in evaluator.net.choices().values()))
        gaps = {choice: _measure_gap(judge, choice) for choice in choices}
        choices.sort(key=lambda choice: -gaps[choice])
    return _group_rounds(choices, joint) + _group_rounds(nodes, joint)


def _shuffle(names: list[str], generator: torch.Generator) -> list[str]:
    return [names[index] for index in torch.randperm(len(names), generator=generator, device="cpu")]


def _measure_gap(judge: Judge, choice: str) -> float:
    """Returns how far the best allowed option of a choice lies above the second."""
    scores = judge.score(choice)
    allowed = [scores[option] for option in allowed_options(judge.evaluator.net, choice)]
    first, second = heapq.nlargest(2, [*allowed, float("-inf")])
    return first - second


def _decide_round(
    judge: Judge,
    commitments: ExitStack,
    names: list[str],
    decisions: Decisions,
    tune: Callable[[Decisions], None] | None,
) -> None:
    """Decides the choices and nodes of a round, tunes the network, and measures what it has become."""
    evaluator = judge.evaluator
    for name in names:  # in DARTS-PT's code too the next of a round is scored on the network with this one
        _decide(judge, name, decisions)
        _commit(evaluator, commitments, name, decisions)
        evaluator.forget()
    if tune:
        tune(decisions)
        evaluator.forget()
    if evaluator.measure:
        decisions.history.append({"decided": names, "value": evaluator.base()})


def _decide(judge: Judge, name: str, decisions: Decisions) -> None:
    """Decides a choice, or the inputs of a node."""
    if name in judge.evaluator.net.choices():
        decide_option(judge, name, decisions)
    else:
        keep_strongest(judge, name, decisions)


def _commit(evaluator: Evaluator, commitments: ExitStack, name: str, decisions: Decisions) -> None:
    """Puts a decision in force until `commitments` is closed."""
    net = evaluator.net
    nodes = surplus(net)
    if name not in nodes:
        commitments.enter_context(committed(net, name, decisions.options[name]))
        return
    _, names = nodes[name]
    dropped = on_edges(net, [edge for edge in names if edge not in decisions.inputs[name]])
    commitments.enter_context(masked(net, {choice: list(net.choices()[choice]) for choice in dropped}))


def _group_rounds(names: Iterable[str], joint: bool) -> list[list[str]]:
    """Returns what is decided together: one name, or one of every group.

    >>> _group_rounds(["normal/0/op", "normal/1/op", "reduce/0/op"], joint=False)
    [['normal/0/op', 'reduce/0/op'], ['normal/1/op']]
    """
    if joint:
        return [[name] for name in names]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(group_of(name), []).append(name)
    return [[name for name in together if name is not None] for together in zip_longest(*groups.values())]
