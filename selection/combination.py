"""The combination of training-free measures that is shipped: one, for every space."""

from collections.abc import Mapping, Sequence

from .errors import SelectionError
from .numerics.tnorm import calibrate, tnorm

COMBINATION = ("parameters", "meco", "jacob_cov", "synflow")


def spelt_out(name: str) -> str:
    """A name in which `combination` is replaced by the measures that it stands for.

    >>> spelt_out("combination")
    'parameters+meco+jacob_cov+synflow'
    """
    return "+".join("+".join(COMBINATION) if part == "combination" else part for part in name.split("+"))


def combined(values: Mapping[str, Sequence[float]], norm: str = "product") -> list[float]:
    """One score for each of several networks, in [0, 1], higher is better: every measure calibrated by rank among them,
    then joined by a t-norm.

    Args:
        values: {measure: its value of each network}, as from `measure_all(COMBINATION, net, x, y)` of every network on
            the same images.
        norm: "product" (AZ-NAS, Lee & Ham 2024), "minimum" or "lukasiewicz".

    Raises:
        SelectionError: a measure has another number of values, or one that is not a number.

    >>> combined({"meco": [0.1, 0.5, 0.3], "parameters": [10, 20, 30]})
    [0.1111111111111111, 0.6666666666666666, 0.6666666666666666]
    """
    if len({len(row) for row in values.values()}) > 1:
        raise SelectionError(
            f"each measure needs a value for every network, and they have "
            f"{', '.join(f'{len(row)} ({name})' for name, row in values.items())}"
        )
    return [tnorm(norm, atoms) for atoms in zip(*map(calibrate, values.values()))]
