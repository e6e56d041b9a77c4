"""Whole architectures: drawn, listed, and put in force on a network."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations, product

import torch

from .gates import committed, masked
from .protocol import Selectable, allowed_options, on_edges, surplus


@dataclass(frozen=True)
class Architecture:
    """An option for every choice, the choices that each node keeps of those that feed it, and those that go with the
    edges that it does not keep."""

    options: dict[str, str]
    inputs: dict[str, list[str]]
    gone: frozenset[str]

    def key(self) -> tuple:
        """What tells it from others: dropped edges may carry anything."""
        return tuple(sorted((choice, option) for choice, option in self.options.items() if choice not in self.gone))


def dropped(net: Selectable, inputs: dict[str, list[str]]) -> set[str]:
    """The choices whose edges go."""
    return set(
        on_edges(net, [name for node, (_, names) in surplus(net).items() for name in names if name not in inputs[node]])
    )


def count(net: Selectable) -> int:
    """How many architectures there are, dropped edges counted with one option.

    A node that keeps k of n edges takes any k of them, each with any of its allowed options.
    """
    options = {choice: len(allowed_options(net, choice)) for choice in net.choices()}
    edges = {name: on_edges(net, [name]) for _, names in surplus(net).values() for name in names}
    at_nodes = {choice for choices in edges.values() for choice in choices}
    total = math.prod(number for choice, number in options.items() if choice not in at_nodes)
    for keep, names in surplus(net).values():
        total *= sum(
            math.prod(options[choice] for name in kept for choice in edges[name]) for kept in combinations(names, keep)
        )
    return total


def listed(net: Selectable) -> Iterator[Architecture]:
    """Every architecture once; a dropped edge carries its first allowed option."""
    nodes = surplus(net)
    for subsets in product(*(combinations(names, keep) for keep, names in nodes.values())):
        inputs = dict(zip(nodes, map(list, subsets)))
        gone = dropped(net, inputs)
        rows = [allowed_options(net, choice)[: 1 if choice in gone else None] for choice in net.choices()]
        for options in product(*rows):
            yield architecture(net, dict(zip(net.choices(), options)), inputs)


def drawn(net: Selectable, generator: torch.Generator) -> Architecture:
    """One at random: each allowed option of a choice, and each subset of a node's edges, as likely as the others."""

    def pick(things: list, number: int) -> list:
        return [things[index] for index in sorted(torch.randperm(len(things), generator=generator)[:number].tolist())]

    options = {choice: pick(allowed_options(net, choice), 1)[0] for choice in net.choices()}
    return architecture(net, options, {node: pick(names, keep) for node, (keep, names) in surplus(net).items()})


def architecture(net: Selectable, options: dict[str, str], inputs: dict[str, list[str]]) -> Architecture:
    """With all the inputs of the nodes that keep all."""
    inputs = {node: inputs.get(node, names) for node, (_, names) in net.inputs().items()}
    return Architecture(options, inputs, frozenset(dropped(net, inputs)))


@contextmanager
def realised(net: Selectable, made: Architecture) -> Iterator[None]:
    """Inside the block the network is that architecture, with the supernet's weights: every choice is committed,
    dropped edges contribute nothing."""
    with ExitStack() as held:
        for choice, option in made.options.items():
            held.enter_context(
                masked(net, {choice: list(net.choices()[choice])})
                if choice in made.gone
                else committed(net, choice, option)
            )
        yield
