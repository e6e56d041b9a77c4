"""The spaces of DARTS cells: two inputs, four nodes, every node keeps two edges.

`darts` is Liu et al. (2019); `darts_pt` is the same without `none` (Wang et al. 2021, S5); `s1` to `s4` are the four
subspaces in which DARTS fails (Zela et al. 2020).
"""

from ..macro import connect_all
from ..space import CellSpace, Space

DARTS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)

_SHORT = {
    "mp": "max_pool_3x3",
    "ap": "avg_pool_3x3",
    "skip": "skip_connect",
    "s3": "sep_conv_3x3",
    "d3": "dil_conv_3x3",
    "d5": "dil_conv_5x5",
}
_S1_NORMAL = (
    "skip,d3 skip,d5 skip,d5 skip,s3 skip,d3 mp,skip skip,s3 skip,s3 skip,d3 skip,s3 mp,skip skip,d3 d3,d5 d3,d5"
)
_S1_REDUCE = "mp,ap mp,d3 mp,ap mp,ap skip,d5 mp,ap mp,s3 skip,d3 skip,d5 mp,ap mp,ap skip,d5 skip,d5 skip,d5"


def darts_cell(operations: tuple[tuple[str, ...], ...], steps: int = 4) -> CellSpace:
    """Returns a cell in which each of `steps` nodes reads both inputs and every node before it; the output is all nodes
    side by side."""
    nodes = range(2, 2 + steps)
    return CellSpace(2, tuple(connect_all(nodes)), operations, concat=tuple(nodes))


def _uniform(name: str, operations: tuple[str, ...]) -> Space:
    cell = darts_cell((operations,) * 14)
    return Space(name, "darts", {"normal": cell, "reduce": cell}, keep=2, excluded=("none",))


def _expand(table: str) -> tuple[tuple[str, ...], ...]:
    edges = [edge.split(",") for edge in table.split()]
    return tuple(tuple(_SHORT[short] for short in edge) for edge in edges)


def darts() -> Space:
    """Eight operations with `none`."""
    return _uniform("darts", DARTS)


def darts_pt() -> Space:
    """Seven operations, without `none`."""
    return _uniform("darts_pt", DARTS[1:])


def s1() -> Space:
    """Two operations on each edge, not the same on all."""
    cells = {"normal": darts_cell(_expand(_S1_NORMAL)), "reduce": darts_cell(_expand(_S1_REDUCE))}
    return Space("s1", "darts", cells, keep=2, excluded=("none",))


def s2() -> Space:
    """Skip connection or separable convolution."""
    return _uniform("s2", ("skip_connect", "sep_conv_3x3"))


def s3() -> Space:
    """S2 with `none`."""
    return _uniform("s3", ("none", "skip_connect", "sep_conv_3x3"))


def s4() -> Space:
    """Noise or separable convolution."""
    return _uniform("s4", ("noise", "sep_conv_3x3"))
