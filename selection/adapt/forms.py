"""The forms in which an architecture is written: a `Genotype` tuple, a NAS-Bench-201 string, JSON."""

from collections import namedtuple
from itertools import chain

from .cells import GROUPS

GenotypeTuple = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
KeptEdges = dict[str, list[tuple[str, int, int]]]  # {group: [(option, source, node)]}, node by node


def group_by_node(edges: list[tuple[str, int, int]]) -> list[list[tuple[str, int]]]:
    """Groups (option, source, node) into the lists of (option, source) that reach each node.

    >>> group_by_node([("none", 0, 2), ("skip_connect", 1, 2), ("none", 0, 3)])
    [[('none', 0), ('skip_connect', 1)], [('none', 0)]]
    """
    nodes: dict[int, list[tuple[str, int]]] = {}
    for option, source, node in edges:
        nodes.setdefault(node, []).append((option, source))
    return list(nodes.values())


def make_genotype(genotype_type: type, kept: KeptEdges, concat: range, *, nested: bool = False) -> object:
    """Makes a `Genotype` namedtuple of the given type.

    Args:
        concat: states that make the output of a cell.
        nested: one list of (operation, source) for each node; else one flat list for the cell.
    """
    cells = {}
    for group in GROUPS:
        nodes = group_by_node(kept.get(group, []))
        cells[group] = nodes if nested else list(chain.from_iterable(nodes))
    return genotype_type(
        normal=cells["normal"],
        normal_concat=concat,
        reduce=cells["reduce"],
        reduce_concat=concat,
    )


def write_nasbench201(kept: KeptEdges) -> str:
    """Writes the string of NAS-Bench-201.

    >>> write_nasbench201({"cell": [("nor_conv_3x3", 0, 1), ("none", 0, 2), ("skip_connect", 1, 2)]})
    '|nor_conv_3x3~0|+|none~0|skip_connect~1|'
    """
    nodes = []
    for node in group_by_node(kept["cell"]):
        edges = "|".join(f"{option}~{source}" for option, source in node)
        nodes.append(f"|{edges}|")
    return "+".join(nodes)


def to_data(json_format: str, kept: KeptEdges, concat: range) -> dict[str, object]:
    """Returns what the JSON of a genotype holds."""
    cells = {}
    for group, edges in kept.items():
        rows = [{"op": option, "from": source, "to": node} for option, source, node in edges]
        cells[group] = {"edges": rows, "concat": list(concat)}
    return {"format": json_format, "cells": cells}
