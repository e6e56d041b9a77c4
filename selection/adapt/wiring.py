"""Edges of a cell, node by node, and the forms in which architectures are written."""

from collections import namedtuple
from collections.abc import Iterator

GenotypeTuple = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
Kept = dict[str, list[tuple[str, int, int]]]  # {group: [(option, source, node)]}, node by node


def edges(count: int, states: int) -> Iterator[tuple[int, int]]:
    """(source, node) of the first so many edges of a cell in which every node reads all states before it.

    >>> list(edges(5, states=2))
    [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    """
    node = states
    while count > 0:
        yield from ((source, node) for source in range(min(node, count)))
        count, node = count - node, node + 1


def by_node(found: list[tuple[str, int, int]]) -> list[list[tuple[str, int]]]:
    """(option, source) of the edges into each node.

    >>> by_node([("none", 0, 2), ("skip_connect", 1, 2), ("none", 0, 3)])
    [[('none', 0), ('skip_connect', 1)], [('none', 0)]]
    """
    nodes: dict[int, list[tuple[str, int]]] = {}
    for option, source, node in found:
        nodes.setdefault(node, []).append((option, source))
    return list(nodes.values())


def as_genotype(maker: type, kept: Kept, concat: range, *, nested: bool = False) -> object:
    """A `Genotype` namedtuple of the given type: a flat list of (operation, source), or one list a node."""
    cells = {group: by_node(kept.get(group, [])) for group in ("normal", "reduce")}
    lists = {group: nodes if nested else [edge for node in nodes for edge in node] for group, nodes in cells.items()}
    return maker(normal=lists["normal"], normal_concat=concat, reduce=lists["reduce"], reduce_concat=concat)


def as_string(kept: Kept) -> str:
    """A NAS-Bench-201 string.

    >>> as_string({"cell": [("nor_conv_3x3", 0, 1), ("none", 0, 2), ("skip_connect", 1, 2)]})
    '|nor_conv_3x3~0|+|none~0|skip_connect~1|'
    """
    return "+".join(
        "|" + "|".join(f"{option}~{source}" for option, source in node) + "|" for node in by_node(kept["cell"])
    )


def as_data(form: str, kept: Kept, concat: range) -> dict:
    """What a genotype's JSON holds."""
    cells = {
        group: {
            "edges": [{"op": option, "from": source, "to": node} for option, source, node in found],
            "concat": list(concat),
        }
        for group, found in kept.items()
    }
    return {"format": form, "cells": cells}
