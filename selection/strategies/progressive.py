"""Progressive: some choices are decided and committed, the network is tuned, and the next are scored on what it has become; the topology comes last."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import zip_longest

import torch

from ..errors import SelectionError
from ..gates import committed, masked
from ..probe import Probe
from ..protocol import surplus
from .oneshot import Decisions, best, keep_strongest

ORDERS = ("fixed", "random", "certain")


def progressive(probe: Probe, lift: Callable, *, tune: Callable[[Decisions], None] | None = None, order: str = "fixed", joint: bool = True) -> Decisions:
    """Decides round by round, each round on the network in which the earlier decisions hold.

    So no two decisions can each rely on what the other takes away, as two `none` that together cut a cell in two. DARTS-PT (Wang et al. 2021) is
    `order="random", joint=False` with validation accuracy x removal and a `tune` of five epochs at a tenth of the learning rate.

    Args:
        tune: called after each round with the decisions so far; trains the network as it stands (committed options stay committed).
        order: "fixed" as the choices come, "random", or "certain": the widest gap between the best two scores first.
        joint: one order over all choices; False decides one choice of every group (normal, reduce) in each round.
    """
    net, made = probe.net, Decisions()
    choices, dropping = net.choices(), surplus(net)
    rounds = _rounds(_ordered(probe, lift, list(choices), order), joint)
    last = _rounds(_shuffled(probe, list(dropping)) if order == "random" else list(dropping), joint)
    probe.expected += sum(map(len, choices.values())) + len(rounds) + len(last) + sum(len(names) for _, names in dropping.values())

    def settle(decided: Sequence[str]) -> None:
        if tune:
            tune(made)
        probe.forget_base()
        if probe.measure:
            made.history.append({"decided": list(decided), "value": probe.base()})

    with ExitStack() as held:
        for names in rounds:
            for choice in names:
                made.scores[choice] = lift(probe, choice)
                made.options[choice] = best(probe, choice, made.scores[choice])
            for choice in names:
                held.enter_context(committed(net, choice, made.options[choice]))
            settle(names)
        for nodes in last:
            for node in nodes:
                keep_strongest(probe, node, made)
            dropped = {name: list(choices[name]) for node in nodes for name in dropping[node][1] if name not in made.inputs[node]}
            held.enter_context(masked(net, dropped))
            settle(nodes)
        for node in net.inputs().keys() - dropping.keys():
            keep_strongest(probe, node, made)
    return made


def _ordered(probe: Probe, lift: Callable, names: list[str], order: str) -> list[str]:
    if order not in ORDERS:
        raise SelectionError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
    if order == "random":
        return _shuffled(probe, names)
    if order == "certain":

        def gap(choice: str) -> float:
            first, second, *_ = sorted([*lift(probe, choice).values(), float("-inf")], reverse=True)
            return first - second

        gaps = {choice: gap(choice) for choice in names}
        return sorted(names, key=lambda choice: -gaps[choice])
    return names


def _shuffled(probe: Probe, names: list[str]) -> list[str]:
    return [names[index] for index in torch.randperm(len(names), generator=probe.generator)]


def _rounds(names: Iterable[str], joint: bool) -> list[list[str]]:
    """What is decided together: one name, or one of every group.

    >>> _rounds(["normal/0/op", "normal/1/op", "reduce/0/op"], joint=False)
    [['normal/0/op', 'reduce/0/op'], ['normal/1/op']]
    """
    if joint:
        return [[name] for name in names]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.split("/")[0], []).append(name)
    return [[name for name in together if name is not None] for together in zip_longest(*groups.values())]
