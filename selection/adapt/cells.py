"""Cells of a DARTS network: their groups, and the edges of a cell node by node."""

from collections.abc import Iterable

from .host import Host

GROUPS = ("normal", "reduce")


def list_cells(cells: Iterable[Host], group: str) -> list[Host]:
    """Lists the cells of a group: the hosts tell a reduction cell by its flag `reduction`."""
    wanted = group == "reduce"
    return [cell for cell in cells if bool(cell.reduction) == wanted]


def list_edges(count: int, states: int) -> list[tuple[int, int]]:
    """Lists (source, node) of the first `count` edges of a cell in which every node reads all states before it.

    Args:
        states: inputs of the cell, which are its first states.

    >>> list_edges(5, states=2)
    [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    """
    edges: list[tuple[int, int]] = []
    node = states
    while len(edges) < count:
        edges += [(source, node) for source in range(node)]
        node += 1
    return edges[:count]
