"""Whole architectures: drawn, listed, and put in force on a network."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations, product

import torch

from .gates import committed, masked
from .protocol import Selectable, allowed_options, surplus


@dataclass(frozen=True)
class Architecture:
    """An option for every choice, and the choices that each node keeps of those that feed it."""

    options: dict[str, str]
    inputs: dict[str, list[str]]

    def key(self) -> tuple:
        """What tells it from others: dropped edges may carry anything."""
        fed = {name for names in self.inputs.values() for name in names}
        return tuple(sorted((choice, option) for choice, option in self.options.items() if not self.inputs or choice in fed))


def dropped(net: Selectable, inputs: dict[str, list[str]]) -> set[str]:
    """The choices whose edges go."""
    return {name for node, (_, names) in surplus(net).items() for name in names if name not in inputs[node]}


def count(net: Selectable) -> int:
    """How many architectures there are, dropped edges counted with one option.

    A node that keeps k of n edges takes any k of them, each with any of its allowed options.
    """
    options = {choice: len(allowed_options(net, choice)) for choice in net.choices()}
    at_nodes = {name for _, names in surplus(net).values() for name in names}
    total = math.prod(number for choice, number in options.items() if choice not in at_nodes)
    for keep, names in surplus(net).values():
        total *= sum(math.prod(options[name] for name in kept) for kept in combinations(names, keep))
    return total


def listed(net: Selectable) -> Iterator[Architecture]:
    """Every architecture once; a dropped edge carries its first allowed option."""
    nodes = surplus(net)
    at_nodes = {name for _, names in nodes.values() for name in names}
    for subsets in product(*(combinations(names, keep) for keep, names in nodes.values())):
        kept = {name for names in subsets for name in names}
        rows = [allowed_options(net, choice)[: None if choice in kept or choice not in at_nodes else 1] for choice in net.choices()]
        for options in product(*rows):
            yield architecture(net, dict(zip(net.choices(), options)), dict(zip(nodes, map(list, subsets))))


def drawn(net: Selectable, generator: torch.Generator) -> Architecture:
    """One at random: each allowed option of a choice, and each subset of a node's edges, as likely as the others."""

    def pick(things: list, number: int) -> list:
        return [things[index] for index in sorted(torch.randperm(len(things), generator=generator)[:number].tolist())]

    options = {choice: pick(allowed_options(net, choice), 1)[0] for choice in net.choices()}
    return architecture(net, options, {node: pick(names, keep) for node, (keep, names) in surplus(net).items()})


def architecture(net: Selectable, options: dict[str, str], inputs: dict[str, list[str]]) -> Architecture:
    """With all the inputs of the nodes that keep all."""
    return Architecture(options, {node: inputs.get(node, names) for node, (_, names) in net.inputs().items()})


@contextmanager
def realised(net: Selectable, made: Architecture) -> Iterator[None]:
    """Inside the block the network is that architecture, with the supernet's weights: every choice is committed, dropped edges contribute nothing."""
    gone = dropped(net, made.inputs)
    with ExitStack() as held:
        for choice, option in made.options.items():
            held.enter_context(masked(net, {choice: list(net.choices()[choice])}) if choice in gone else committed(net, choice, option))
        yield
