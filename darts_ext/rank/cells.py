"""Cells of a benchmark that are ranked."""

from collections.abc import Sequence

import numpy as np

from ..runtime.errors import UsageError
from ..tabular import Table


def sample_cells(table: Table, number: int | None, seed: int) -> list[int]:
    """Draws indices of different cells at random; of all, in random order, if number is None.

    Raises:
        UsageError: the benchmark has fewer cells.
    """
    if number is not None and number > len(table):
        raise UsageError(f"the benchmark has {len(table)} cells, not {number}")
    return np.random.default_rng(seed).permutation(len(table))[:number].tolist()


def find_neighbourhood(table: Table) -> list[int]:
    """Returns the largest cell, and all that differ from it in the operation of one edge.

    >>> from darts_ext.tabular import NasBench201
    >>> len(find_neighbourhood(NasBench201()))
    25
    """
    operations = []
    for index in range(len(table)):
        ((edges, _),) = table.genotype(index).cells.values()
        operations.append([edge.op for edge in edges])
    cells = np.array(operations)
    largest = cells[table.parameters.argmax()]
    return np.flatnonzero((cells != largest).sum(1) <= 1).tolist()


def representatives(table: Table, cells: Sequence[int]) -> dict[int, int]:
    """Maps each cell to the first of the cells that computes the same function.

    What is measured of one holds for the others, but for the sizes of its network.

    >>> from darts_ext.tabular import NasBench201
    >>> table = NasBench201()
    >>> same = representatives(table, list(range(len(table))))
    >>> len(set(same.values()))
    6466
    """
    classes = table.classes
    first: dict[int, int] = {}  # {class: the first cell of it}
    representative = {}
    for cell in cells:
        representative[cell] = first.setdefault(int(classes[cell]), cell)
    return representative
