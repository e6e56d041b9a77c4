"""A space small enough to try every architecture: DARTS cells of two nodes, three operations, no reductions; 243
architectures."""

from ..space import Space
from .darts import darts_cell


def tiny() -> Space:
    """Five edges of which four stay."""
    operations = ("max_pool_3x3", "skip_connect", "sep_conv_3x3")
    cell = darts_cell((operations,) * 5, steps=2)
    return Space("tiny", "darts", {"normal": cell}, keep=2)
