"""Progressive: one choice is decided and committed, and the next is scored on what is left; the topology comes last."""

from collections.abc import Callable
from contextlib import ExitStack

from ..gates import masked
from ..probe import Probe
from ..protocol import surplus
from .oneshot import Decisions, best, keep_strongest


def progressive(probe: Probe, lift: Callable) -> Decisions:
    """Decides the choices in their order, each on the network in which the earlier decisions hold.

    So no two decisions can each rely on what the other takes away, as two `none` that together cut a cell in two.
    """
    net, made = probe.net, Decisions()
    choices = net.choices()
    probe.expected = sum(map(len, choices.values())) + len(net.inputs()) + sum(len(names) for _, names in surplus(net).values())
    with ExitStack() as committed:
        for choice, options in choices.items():
            made.scores[choice] = lift(probe, choice)
            made.options[choice] = best(probe, choice, made.scores[choice])
            committed.enter_context(masked(net, {choice: [option for option in options if option != made.options[choice]]}))
            probe.forget_base()
        for node, (_, names) in net.inputs().items():
            keep_strongest(probe, node, made)
            committed.enter_context(masked(net, {name: list(choices[name]) for name in names if name not in made.inputs[node]}))
            probe.forget_base()
    return made
