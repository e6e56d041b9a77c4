"""NASLib's names on the edges of its graphs, {cell: {(tail, head): name}}, as `selection.adapt` answers for them."""

from ..edge import Cell, Edge
from ..errors import GenotypeError, show

_GROUPS = {"normal_cell": "normal", "reduction_cell": "reduce", "cell": "cell"}
_OPERATIONS = {
    "Identity": "skip_connect",
    "FactorizedReduce": "skip_connect",
    "Zero": "none",
    "MaxPool": "max_pool_3x3",
    "AvgPool": "avg_pool_3x3",
    "SepConv3x3": "sep_conv_3x3",
    "SepConv5x5": "sep_conv_5x5",
    "DilConv3x3": "dil_conv_3x3",
    "DilConv5x5": "dil_conv_5x5",
    "ReLUConvBN3x3": "nor_conv_3x3",
    "ReLUConvBN1x1": "nor_conv_1x1",
    "AvgPool1x1": "avg_pool_3x3",
}


def looks_named(value: dict) -> bool:
    """Returns whether it has the cells of a graph of NASLib."""
    return bool(value) and value.keys() <= _GROUPS.keys()


def read_names(value: dict) -> tuple[str, dict[str, Cell]]:
    """Returns format and cells; state 0 is node 1, and the output joins all nodes of a DARTS cell.

    Raises:
        GenotypeError: an edge is not (tail, head) with a name.

    >>> read_names({"cell": {(1, 2): "Identity"}})
    ('nasbench201', {'cell': ((Edge(op='skip_connect', source=0, node=1, act='relu', skip=False),), (1,))})
    """
    name = "nasbench201" if "cell" in value else "darts"
    cells = {}
    for cell, named in value.items():
        if not isinstance(named, dict):
            raise GenotypeError(f"{cell} is {show(named)}, not {{(tail, head): name}}")
        edges = sorted((_read_edge(cell, *item) for item in named.items()), key=lambda edge: edge.node)
        nodes = tuple(sorted({edge.node for edge in edges}))
        cells[_GROUPS[cell]] = (tuple(edges), nodes if name == "darts" else nodes[-1:])
    return name, cells


def _read_edge(cell: str, ends: object, name: object) -> Edge:
    if not isinstance(ends, tuple) or len(ends) != 2 or not isinstance(name, str):
        raise GenotypeError(f"{cell} has the edge {show(ends)}: {show(name)}, not (tail, head): name")
    tail, head = ends
    return Edge(_OPERATIONS.get(name, name), tail - 1, head - 1)
