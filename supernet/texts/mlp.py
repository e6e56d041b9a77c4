"""The text of fully-connected layers, `MLP(relu, tanh:add_skip)`."""

import re

from ..edge import ADD_SKIP, LINEAR, Cell, Edge
from ..errors import GenotypeError, show

_OPENING = re.compile(r"\bMLP\b\s*(?=\(|$)")
_CALL = re.compile(r"MLP\s*\(\s*([\w:]+(?:\s*,\s*[\w:]+)*)\s*\)")


def write(cells: dict[str, Cell]) -> str:
    """Returns the text."""
    edges, _ = cells["layer"]
    return f"MLP({', '.join(edge.layer_label for edge in edges)})"


def find(text: str) -> list[int]:
    """Returns where such texts begin."""
    return [match.start() for match in _OPENING.finditer(text)]


def read(text: str, start: int) -> tuple[str, dict[str, Cell], int]:
    """Returns format and layers of the text that begins at `start`, and where it ends."""
    match = _CALL.match(text, start)
    if not match:
        raise GenotypeError(
            f"{show(text[start:].strip())} is not MLP(ACTIVATION, ACTIVATION:{ADD_SKIP}, ...), an activation for each "
            f"layer"
        )
    edges = []
    for layer, label in enumerate(match[1].split(",")):
        act = label.strip().removesuffix(f":{ADD_SKIP}")
        edges.append(Edge(LINEAR, layer, layer + 1, act, skip=act != label.strip()))
    return "mlp", {"layer": (tuple(edges), (len(edges),))}, match.end()
