"""The combination of training-free measures (zero-cost proxies) that is shipped: one, for every space."""

from collections.abc import Mapping, Sequence

from .errors import SelectionError
from .numerics.tnorm import calibrate, tnorm

COMBINATION = ("flops", "meco", "jacob_cov", "synflow")


def combined(values: Mapping[str, Sequence[float]], norm: str = "product") -> list[float]:
    """Returns one score for each of several networks, in [0, 1], higher is better.

    Every measure is calibrated by rank among the networks, then they are joined by a t-norm.

    Args:
        values: {measure: its value of each network}, as from `measure_all(COMBINATION, net, x, y)` of every network on
            the same images.
        norm: "product" (AZ-NAS, Lee & Ham 2024), "minimum" or "lukasiewicz".

    Raises:
        SelectionError: a measure has another number of values, or one that is not a number.

    >>> combined({"meco": [0.1, 0.5, 0.3], "parameters": [10, 20, 30]})
    [0.1111111111111111, 0.6666666666666666, 0.6666666666666666]
    """
    counts = {name: len(row) for name, row in values.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} ({name})" for name, count in counts.items())
        raise SelectionError(f"each measure needs a value for every network, and they have {listed}")
    ranks = [calibrate(row) for row in values.values()]
    return [tnorm(norm, atoms) for atoms in zip(*ranks)]
