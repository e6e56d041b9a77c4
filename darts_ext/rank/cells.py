"""Which cells are ranked."""

import numpy as np

from ..runtime.errors import UsageError
from ..tabular import NasBench201


def sample_cells(table: NasBench201, number: int | None, seed: int) -> list[int]:
    """Indices of different cells drawn at random; all 15,625, if number is None.

    Raises:
        UsageError: there are not so many.
    """
    if number is not None and number > len(table):
        raise UsageError(f"the benchmark has {len(table)} cells, not {number}")
    return np.random.default_rng(seed).permutation(len(table))[:number].tolist()


def representatives(table: NasBench201, cells: list[int]) -> dict[int, int]:
    """{cell: the first of the cells that computes the same}: what is measured of one holds for the others, but for its
    size.

    >>> table = NasBench201()
    >>> same = representatives(table, list(range(len(table))))
    >>> len(set(same.values()))
    6466
    """
    first: dict[int, int] = {}
    return {cell: first.setdefault(int(table.classes[cell]), cell) for cell in cells}
