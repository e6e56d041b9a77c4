"""The string of TransNAS-Bench-101's micro cells, `64-41414-3_33_333`: a digit for each edge, node by node; with an
activation or an added skip `TransNAS101(|op~0|+|op~0|op~1|+...)`."""

import re

from ..edge import Cell, Edge
from ..errors import GenotypeError, show
from . import nasbench201

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
PREFIX = "64-41414-"
_OPENING = re.compile(r"\b64-41414-|\bTransNAS101\s*\(")
_DIGITS = re.compile(r"64-41414-([0-9]+(?:_[0-9]+)*)(?!\w)")
_CALL = re.compile(r"TransNAS101\s*\(")


def write(cells: dict[str, Cell]) -> str:
    """Returns the string."""
    edges, _ = cells["cell"]
    nodes: dict[int, str] = {}
    for edge in edges:
        if edge.op not in OPERATIONS or edge != Edge(edge.op, edge.source, edge.node):
            return f"TransNAS101({nasbench201.write(cells)})"
        nodes[edge.node] = nodes.get(edge.node, "") + str(OPERATIONS.index(edge.op))
    return PREFIX + "_".join(nodes[node] for node in sorted(nodes))


def find(text: str) -> list[int]:
    """Returns where such strings begin."""
    return [match.start() for match in _OPENING.finditer(text)]


def read(text: str, start: int) -> tuple[str, dict[str, Cell], int]:
    """Returns format and cell of the string that begins at `start`, and where it ends."""
    call = _CALL.match(text, start)
    if call:
        _, cells, end = nasbench201.read(text, call.end())
        closing = re.compile(r"\s*\)").match(text, end)
        if not closing:
            raise GenotypeError(f"the bracket of TransNAS101(...) is not closed, before {show(text[end : end + 40])}")
        return "transnas101", cells, closing.end()
    match = _DIGITS.match(text, start)
    if not match:
        raise GenotypeError(f"{show(text[start:].strip())} is not {PREFIX} and digits of operations, as 3_33_333")
    edges = []
    nodes = match[1].split("_")
    for node, digits in enumerate(nodes, start=1):
        if len(digits) != node or not set(digits) <= set("0123"):
            raise GenotypeError(
                f"node {node} of the TransNAS-Bench-101 string has a digit of 0 to 3 for each of its {node} edges, not "
                f"{show(digits)}"
            )
        edges += [Edge(OPERATIONS[int(digit)], source, node) for source, digit in enumerate(digits)]
    return "transnas101", {"cell": (tuple(edges), (len(nodes),))}, match.end()
