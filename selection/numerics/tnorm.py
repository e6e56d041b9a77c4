"""Several criteria as one: atoms in [0, 1], combined by a t-norm (Arakelyan et al. 2021).

A t-norm is 1 only where all atoms are, and 0 where one is.
"""

import operator
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..errors import SelectionError, unknown


def _lukasiewicz(x: float, y: float) -> float:
    return max(0.0, x + y - 1.0)


TNORMS: dict[str, Callable[[float, float], float]] = {
    "minimum": min,
    "product": operator.mul,
    "lukasiewicz": _lukasiewicz,
}


def tnorm(name: str, atoms: Iterable[float]) -> float:
    """T(a1, T(a2, ...)) of atoms in [0, 1]; 1 for none at all.

    Args:
        name: "minimum" (Goedel), "product" or "lukasiewicz".

    >>> [round(tnorm(name, [0.9, 0.8, 0.7]), 3) for name in TNORMS]
    [0.7, 0.504, 0.4]
    """
    if name not in TNORMS:
        raise unknown("t-norm", name, TNORMS)
    combine = TNORMS[name]
    value = 1.0
    for atom in atoms:
        value = combine(value, atom)
    return value


def calibrate(values: Sequence[float]) -> list[float]:
    """Returns atoms in (0, 1]: a value's rank among all, over their number; higher = better as before.

    Ties share their mean rank. Only the order counts, so criteria of any unit can meet; minus infinity is a value like
    others.

    Raises:
        SelectionError: a value is not a number.

    >>> calibrate([0.1, 5.0, 0.1, float("-inf")])
    [0.625, 1.0, 0.625, 0.25]
    """
    numbers = np.asarray(values, dtype=np.float64)
    if np.isnan(numbers).any():
        index = int(np.isnan(numbers).argmax())
        raise SelectionError(f"value number {index} is not a number and has no rank")
    _, indices, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    mean_ranks = counts.cumsum() - (counts - 1) / 2
    atoms = mean_ranks[indices] / max(1, len(numbers))
    return atoms.tolist()
