"""Whole architectures: drawn at random, listed, and put in force on a network."""

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
    """A decision for every choice.

    Args:
        options: {choice: option}.
        inputs: {node: the choices that it keeps of those that feed it}.
        gone: the choices on the edges that are dropped.
    """

    options: dict[str, str]
    inputs: dict[str, list[str]]
    gone: frozenset[str]

    def key(self) -> tuple:
        """What distinguishes it from others: dropped edges may carry anything."""
        kept = [(choice, option) for choice, option in self.options.items() if choice not in self.gone]
        return tuple(sorted(kept))


def find_dropped(net: Selectable, inputs: dict[str, list[str]]) -> set[str]:
    """The choices on the edges that are dropped.

    Args:
        inputs: {node: the choices that it keeps}.
    """
    names: list[str] = []
    for node, (_, feeding) in surplus(net).items():
        names += [name for name in feeding if name not in inputs[node]]
    return set(on_edges(net, names))


def count_architectures(net: Selectable) -> int:
    """Counts the architectures, dropped edges with one option.

    A node that keeps k of n edges takes any k of them, each with any of its allowed options.
    """
    options = {choice: len(allowed_options(net, choice)) for choice in net.choices()}
    at_nodes: set[str] = set()
    total = 1
    for keep, names in surplus(net).values():
        of_edge = {}
        for name in names:
            on_edge = on_edges(net, [name])
            at_nodes.update(on_edge)
            of_edge[name] = math.prod(options[choice] for choice in on_edge)
        total *= sum(math.prod(of_edge[name] for name in kept) for kept in combinations(names, keep))
    for choice, number in options.items():
        if choice not in at_nodes:
            total *= number
    return total


def list_architectures(net: Selectable) -> Iterator[Architecture]:
    """Yields every architecture once; a dropped edge carries its first allowed option."""
    nodes = surplus(net)
    subsets = [combinations(names, keep) for keep, names in nodes.values()]
    for kept_names in product(*subsets):
        inputs = {node: list(names) for node, names in zip(nodes, kept_names)}
        gone = find_dropped(net, inputs)
        allowed = []
        for choice in net.choices():
            options = allowed_options(net, choice)
            allowed.append(options[:1] if choice in gone else options)
        for options in product(*allowed):
            yield complete_architecture(net, dict(zip(net.choices(), options)), inputs)


def draw_architecture(net: Selectable, generator: torch.Generator) -> Architecture:
    """Draws one at random: each allowed option of a choice, and each subset of a node's edges, as likely as the
    others."""

    def pick(names: list[str], count: int) -> list[str]:
        indices = torch.randperm(len(names), generator=generator, device="cpu")[:count]
        return [names[index] for index in sorted(indices.tolist())]

    options = {choice: pick(allowed_options(net, choice), 1)[0] for choice in net.choices()}
    inputs = {node: pick(names, keep) for node, (keep, names) in surplus(net).items()}
    return complete_architecture(net, options, inputs)


def complete_architecture(net: Selectable, options: dict[str, str], inputs: dict[str, list[str]]) -> Architecture:
    """Returns an architecture; nodes that `inputs` leaves out keep all their inputs."""
    inputs = {node: inputs.get(node, names) for node, (_, names) in net.inputs().items()}
    return Architecture(options, inputs, frozenset(find_dropped(net, inputs)))


def list_neighbours(net: Selectable, architecture: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Yields (what is decided otherwise, an architecture) for each that differs in one decision: another allowed option
    of a choice, or another edge in the place of one that a node keeps."""
    for choice, chosen in architecture.options.items():
        if choice in architecture.gone:
            continue
        for option in allowed_options(net, choice):
            if option != chosen:
                yield choice, complete_architecture(net, architecture.options | {choice: option}, architecture.inputs)
    for node, (_, names) in surplus(net).items():
        kept = architecture.inputs[node]
        for going, coming in product(kept, names):
            if coming not in kept:
                inputs = architecture.inputs | {node: [coming if name == going else name for name in kept]}
                yield node, complete_architecture(net, architecture.options, inputs)


def count_changes(net: Selectable, first: Architecture, second: Architecture) -> int:
    """Counts the decisions in which the second architecture differs from the first: edges that it takes instead, and
    options of what it has; an edge that the first drops has an option there, too."""
    edges = 0
    for node in surplus(net):
        edges += len(set(first.inputs[node]) - set(second.inputs[node]))
    present = set(second.options) - second.gone
    return edges + sum(first.options[choice] != second.options[choice] for choice in present)


@contextmanager
def realised(net: Selectable, architecture: Architecture) -> Iterator[None]:
    """Inside the block the network is that architecture, with the supernet's weights: every choice is committed,
    dropped edges contribute nothing."""
    with ExitStack() as gates:
        for choice, option in architecture.options.items():
            if choice in architecture.gone:
                every_option = list(net.choices()[choice])
                gates.enter_context(masked(net, {choice: every_option}))
            else:
                gates.enter_context(committed(net, choice, option))
        yield
