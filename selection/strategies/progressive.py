"""Progressive: some choices are decided and committed, the network is tuned, and the next are scored on what it has
become; the topology comes last."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict
from itertools import zip_longest

import torch

from ..errors import SelectionError
from ..gates import committed, masked
from ..probe import Probe
from ..protocol import allowed_options, on_edges, surplus
from .oneshot import Decisions, best, keep_strongest

ORDERS = ("fixed", "random", "certain")
COUNTED = ("evaluations", "saved", "expected", "kept")  # of a probe, what a checkpoint remembers


def progressive(
    probe: Probe,
    lift: Callable,
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
    net = probe.net
    plan = resume or {
        "rounds": _plan(probe, lift, order or probe.manner.order, probe.manner.joint if joint is None else joint),
        "done": 0,
    }
    made = Decisions(**plan.get("made", {}))
    if resume:
        probe.evaluations, probe.saved, probe.expected, probe.kept = (plan[name] for name in COUNTED)
        probe.generator.set_state(plan["generator"])
    else:
        probe.expected += (
            len(plan["rounds"])
            + sum(map(len, net.choices().values()))
            + sum(len(names) for _, names in surplus(net).values())
        )
    with ExitStack() as held:
        for number, names in enumerate(plan["rounds"]):
            for (
                name
            ) in names:  # the next of a round is scored on the network in which this one holds, as in DARTS-PT's code
                if number >= plan["done"]:
                    _decide(probe, lift, name, made)
                _commit(probe, held, name, made)
                if number >= plan["done"]:
                    probe.forget()
            if number < plan["done"]:
                continue
            if tune:
                tune(made)
                probe.forget()
            if probe.measure:
                made.history.append({"decided": names, "value": probe.base()})
            if checkpoint:
                counted = {name: getattr(probe, name) for name in COUNTED}
                checkpoint(
                    {
                        "rounds": plan["rounds"],
                        "done": number + 1,
                        "made": asdict(made),
                        "generator": probe.generator.get_state(),
                        **counted,
                    }
                )
        for node in net.inputs():
            if node not in surplus(net):
                keep_strongest(probe, node, made)
    return made


def _plan(probe: Probe, lift: Callable, order: str, joint: bool) -> list[list[str]]:
    """What each round decides: choices first, then nodes that drop edges."""
    if order not in ORDERS:
        raise SelectionError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
    names, nodes = list(probe.net.choices()), list(surplus(probe.net))
    if order == "random":
        names, nodes = (
            [part[i] for i in torch.randperm(len(part), generator=probe.generator)] for part in (names, nodes)
        )
    if order == "certain":
        probe.expected += sum(map(len, probe.net.choices().values()))
        allowed = {name: allowed_options(probe.net, name) for name in names}
        gaps = {
            name: _gap([score for option, score in lift(probe, name).items() if option in allowed[name]])
            for name in names
        }
        names = sorted(names, key=lambda name: -gaps[name])
    return _rounds(names, joint) + _rounds(nodes, joint)


def _gap(scores: list[float]) -> float:
    """How far the best score lies above the second."""
    first, second = sorted([*scores, float("-inf")])[-2:][::-1]
    return first - second


def _decide(probe: Probe, lift: Callable, name: str, made: Decisions) -> None:
    if name in probe.net.choices():
        made.scores[name] = lift(probe, name)
        made.options[name] = best(probe, name, made.scores[name])
    else:
        keep_strongest(probe, name, made)


def _commit(probe: Probe, held: ExitStack, name: str, made: Decisions) -> None:
    net, nodes = probe.net, surplus(probe.net)
    if name in nodes:
        gone = [edge for edge in nodes[name][1] if edge not in made.inputs[name]]
        held.enter_context(masked(net, {choice: list(net.choices()[choice]) for choice in on_edges(net, gone)}))
    else:
        held.enter_context(committed(net, name, made.options[name]))


def _rounds(names: Iterable[str], joint: bool) -> list[list[str]]:
    """What is decided together: one name, or one of every group.

    >>> _rounds(["normal/0/op", "normal/1/op", "reduce/0/op"], joint=False)
    [['normal/0/op', 'reduce/0/op'], ['normal/1/op']]
    """
    if joint:
        return [[name] for name in names]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition("/")[0] if "/" in name else "", []).append(name)
    return [[name for name in together if name is not None] for together in zip_longest(*groups.values())]
