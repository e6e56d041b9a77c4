"""TransNAS-Bench-101's micro cells (Duan et al. 2021): those of NAS-Bench-201 without pooling, in five modules."""

from ..macro import connect_all
from ..space import CellSpace, Space

TRANSNAS101 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")


def transnas101() -> Space:
    """4,096 cells."""
    edges = tuple(connect_all(range(1, 4)))
    cell = CellSpace(1, edges, operations=(TRANSNAS101,) * len(edges), concat=(3,))
    return Space("transnas101", "transnas101", {"cell": cell})
