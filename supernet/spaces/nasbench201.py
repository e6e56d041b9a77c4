"""NAS-Bench-201 (Dong & Yang 2020): four states, six edges, five operations, every edge stays and may be `none`."""

from ..macro import connect_all
from ..space import CellSpace, Space

NASBENCH201 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def nasbench201() -> Space:
    """15,625 cells."""
    edges = tuple(connect_all(range(1, 4)))
    cell = CellSpace(1, edges, operations=(NASBENCH201,) * len(edges), concat=(3,))
    return Space("nasbench201", "nasbench201", {"cell": cell})
