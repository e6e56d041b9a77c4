"""The string of NAS-Bench-201, `|op~0|+|op~0|op~1|+...`, also in `Structure(4 nodes with ...)`, and the lists of pairs
that AutoDL keeps for it."""

import re

from ..edge import Cell, Edge
from ..errors import GenotypeError, show
from .fields import is_pair, read_pair

_OPENING = re.compile(r"\|\s*[^\s|~]{1,99}\s*~")
_NODE = re.compile(r"\s*\|(?:\s*[\w:]+\s*~\s*[0-9]{1,4}\s*\|)+")
_EDGE = re.compile(r"([\w:]+)\s*~\s*([0-9]+)")
_PLUS = re.compile(r"\s*\+")


def write(cells: dict[str, Cell]) -> str:
    """Returns the string."""
    edges, _ = cells["cell"]
    labels: dict[int, str] = {}
    for edge in edges:
        labels[edge.node] = labels.get(edge.node, "|") + f"{edge.label}~{edge.source}|"
    return "+".join(labels[node] for node in sorted(labels))


def find(text: str) -> list[int]:
    """Returns where such strings begin, or where a text of nothing else begins."""
    starts = []
    match = _OPENING.search(text)
    while match:
        starts.append(match.start())
        match = _OPENING.search(text, _find_end(text, match.start()))
    begins = len(text) - len(text.lstrip())
    return starts or ([begins] if text.startswith("|", begins) else [])


def _find_end(text: str, start: int) -> int:
    """Returns where the nodes end that stand there in a row, at least one sign after `start`."""
    end = start + 1
    match = _NODE.match(text, start)
    while match:
        end = match.end()
        plus = _PLUS.match(text, end)
        match = _NODE.match(text, plus.end()) if plus else None
    return end


def read(text: str, start: int) -> tuple[str, dict[str, Cell], int]:
    """Returns format and cell of the string that begins at `start`, and where it ends."""
    nodes = []
    plus = None
    end = start
    while not nodes or plus:
        match = _NODE.match(text, end)
        adjoining = text[match.end() : match.end() + 1] if match else ""
        if not match or re.match(r"[\w|~]", adjoining):
            piece = show(text[end:].split("+")[0].strip()[:80])
            raise GenotypeError(f"node {len(nodes) + 1} of the NAS-Bench-201 string is {piece}, not |op~source|...|")
        nodes.append([(label, int(source)) for label, source in _EDGE.findall(match[0])])
        plus = _PLUS.match(text, match.end())
        end = plus.end() if plus else match.end()
    return "nasbench201", _make_cells(nodes), end


def looks_nested(value: object) -> bool:
    """Returns whether it is a list of nodes, the first of which has one pair."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    first = value[0]
    return isinstance(first, (list, tuple)) and len(first) == 1 and is_pair(first[0])


def read_nested(value: list | tuple) -> dict[str, Cell]:
    """Returns the cell of lists of (operation, source), one for each node."""
    nodes = []
    for node, pairs in enumerate(value, start=1):
        if not isinstance(pairs, (list, tuple)):
            raise GenotypeError(f"node {node} is {show(pairs)}, not a list of ('op', source) pairs")
        edges = [read_pair(f"node {node}, pair {index}", pair, node) for index, pair in enumerate(pairs, start=1)]
        nodes.append([(edge.label, edge.source) for edge in edges])
    return _make_cells(nodes)


def _make_cells(nodes: list[list[tuple[str, int]]]) -> dict[str, Cell]:
    edges = []
    for node, inputs in enumerate(nodes, start=1):
        sources = [source for _, source in inputs]
        if sources != list(range(node)):
            raise GenotypeError(
                f"node {node} of the NAS-Bench-201 string must read states 0 to {node - 1} in this order, not "
                f"{show(sources)}"
            )
        edges += [Edge.from_label(label, source, node) for label, source in inputs]
    return {"cell": (tuple(edges), (len(nodes),))}
