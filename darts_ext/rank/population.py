"""Which cells are ranked."""

import numpy as np

from darts_ext.runtime.errors import UsageError
from darts_ext.tabular import NasBench201


def sample_cells(table: NasBench201, number: int | None, seed: int) -> list[int]:
    """Indices of cells drawn at random, no two of which compute the same; all 6,466 classes of cells, if number is None.

    Raises:
        UsageError: there are not so many.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    _, first = np.unique(table.classes[order], return_index=True)
    different = order[np.sort(first)]
    if number is not None and number > len(different):
        raise UsageError(f"the benchmark has {len(different)} different cells, not {number}")
    return different[:number].tolist()
