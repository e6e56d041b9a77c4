"""When a search is over before its last epoch.

    skips       alpha chooses as many skip connections in a cell (DARTS+, Liang et al. 2019)
    curvature   the dominant eigenvalue of the Hessian in alpha has grown by a factor (RobustDARTS, Zela et al. 2020)

Both are told from the rows of the epochs alone, so that a search that was killed ends where it would have.
"""

from collections.abc import Sequence
from typing import NamedTuple

from supernet import Genotype

from ..config import SearchSettings

WINDOW = 5  # measured values in a local mean
BACK = 4  # measured values between two local means that are compared
FIRST = 10  # epochs, before which no mean is compared
Rows = Sequence[dict]


class End(NamedTuple):
    """The end of a search.

    Args:
        epochs: after which it is over.
        best: epochs after which alpha's choice was still to be trusted.
        reason: in words.
    """

    epochs: int
    best: int
    reason: str


def find_end(rows: Rows, settings: SearchSettings) -> End | None:
    """Returns the end that the rows of the epochs so far have come to; None where the search goes on."""
    ends = []
    if settings.stop_skips:
        ends.append(_find_skips(rows, settings.stop_skips))
    if settings.stop_curvature:
        ends.append(_find_growth(rows, settings.stop_curvature, settings.curvature_every))
    return min((end for end in ends if end), default=None)


def count_skips(genotype: Genotype) -> int:
    """Returns how many skip connections the cell has; of normal and reduction cells the normal one."""
    cells = genotype.cells
    edges, _ = cells.get("normal") or next(iter(cells.values()))
    return sum(edge.op == "skip_connect" for edge in edges)


def _find_skips(rows: Rows, many: int) -> End | None:
    for epochs, row in enumerate(rows, start=1):
        skips = count_skips(Genotype.from_text(str(row["genotype"])))
        if skips >= many:
            return End(epochs, max(1, epochs - 1), f"alpha chose {skips} skip connections in a cell")
    return None


def _find_growth(rows: Rows, factor: float, every: int) -> End | None:
    """The rule of the authors' code: a local mean, which stands for the epoch in its middle, is compared with the one
    four measurements before."""
    values, means = [], []
    for epoch, row in enumerate(rows):
        if epoch % every:
            continue
        values.append(float(row["curvature"]))
        if len(values) <= WINDOW // 2:
            continue
        means.append(sum(values[-WINDOW:]) / len(values[-WINDOW:]))
        earlier = epoch - every * (WINDOW // 2) - every * BACK
        if earlier < FIRST or means[-1 - BACK] <= 0:
            continue
        growth = means[-1] / means[-1 - BACK]
        if growth > factor:
            return End(epoch + 1, earlier + 1, f"the curvature in alpha grew {growth:.2f}-fold")
    return None
