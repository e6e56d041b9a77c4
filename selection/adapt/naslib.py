"""NASLib: a graph of graphs; an edge's data holds the mixed operation and its alphas, which the copies of a cell
share."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Adapter, Choice
from .wiring import Kept, as_genotype, as_string

CALLED = {
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
    "MaxPool1x1": "max_pool_3x3",
}
GROUPS = {"normal_cell": "normal", "reduction_cell": "reduce"}
Edges = dict[tuple[int, int], list]  # {(tail, head): the edge's data in each copy of the cell}


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    if not _is_graph(host):
        return "nodes and edges of a graph"
    return None if cells_of(host) else "edges with `alpha`, which an optimizer's adapt_search_space adds"


def _is_graph(module: nn.Module) -> bool:
    """Asked of its class: a graph keeps each of its views once it is asked for it."""
    return all(hasattr(type(module), name) for name in ("nodes", "edges", "in_degree"))


def cells_of(host: nn.Module) -> dict[str, tuple[nn.Module, Edges]]:
    """{name of a cell: (its first copy, its mixed edges)}, in the order of nodes; NASLib itself lists edges by the
    state that they leave."""
    cells: dict[str, tuple[nn.Module, Edges]] = {}
    for graph in _graphs(host):
        for tail, head, data in sorted(graph.edges.data(), key=lambda edge: (edge[1], edge[0])):
            if data.has("alpha"):
                cells.setdefault(graph.name, (graph, {}))[1].setdefault((tail, head), []).append(data)
    return cells


def _graphs(host: nn.Module) -> Iterator[nn.Module]:
    return (module for module in host.modules() if _is_graph(module))


def _entries(graph: nn.Module) -> int:
    """The number of a cell's inputs: nodes that no edge reaches."""
    tails, heads = ({edge[end] for edge in graph.edges.data()} for end in (0, 1))
    return len(tails - heads)


def choices_of(cells: dict[str, tuple[nn.Module, Edges]]) -> dict[str, Choice]:
    """The choices GROUP/0/op ..., node by node; state 0 is node 1."""
    chosen = {}
    for name, (_, edges) in cells.items():
        for row, ((tail, head), copies) in enumerate(edges.items()):
            choice = f"{GROUPS.get(name, name)}/{row}/op"
            mixed = [getattr(data.op, "primitives", None) for data in copies]
            if not all(isinstance(primitives, (list, nn.ModuleList)) for primitives in mixed):
                raise SelectionError(
                    f"{choice}: a {type(copies[0].op).__name__} has no `primitives`: a mixed operation holds a list "
                    f"of them"
                )
            if any(data.alpha is not copies[0].alpha for data in copies):
                raise SelectionError(
                    f"{choice}: the copies of {name} do not share one alpha: add it with shared=True, as "
                    f"DARTSOptimizer does"
                )
            options = {
                option_of(first): [primitives[index] for primitives in mixed] for index, first in enumerate(mixed[0])
            }
            if len(options) < len(mixed[0]):
                raise SelectionError(f"{choice}: two operations have one name ({', '.join(map(name_of, mixed[0]))})")
            chosen[choice] = Choice(options, copies[0], ("alpha",), tail - 1, head - 1)
    return chosen


def name_of(primitive: nn.Module) -> str:
    """What NASLib calls an operation."""
    return getattr(primitive, "get_op_name", type(primitive).__name__)


def option_of(primitive: nn.Module) -> str:
    """What DARTS and NAS-Bench-201 call it."""
    return CALLED.get(name_of(primitive), name_of(primitive))


class NASLib(Adapter):
    """A search space of NASLib after an optimizer's `adapt_search_space`: `optimizer.graph`.

    A cell of two inputs is a DARTS cell: two edges a node, and `Zero` is neither chosen nor given a share when edges
    are ranked. In a cell of one input all edges stay.

    Args:
        genotype: a namedtuple to answer with, as NASLib's `convert_naslib_to_genotype` does; where None, the names of
            the operations on the edges.
    """

    def __init__(self, host: nn.Module, *, genotype: type | None = None) -> None:
        cells = cells_of(host)
        inputs = {_entries(graph) for graph, _ in cells.values()}
        if len(inputs) > 1:
            raise SelectionError("cells of one and of two inputs in one graph: no rule says which edges stay")
        super().__init__(host, choices_of(cells), genotype)
        self.states = inputs.pop()
        if self.states != 2:
            self.form, self.barred, self.keep = "nasbench201", (), None
        self.cell_names = {GROUPS.get(name, name): name for name in cells}

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]; the auxiliary output, which NASLib keeps in the graph, is put back as
        it was."""
        before = dict(self.host.graph)
        try:
            return self.host(x)
        finally:
            self.host.graph.clear()
            self.host.graph.update(before)

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """softmax(alpha) [options] of what may be chosen, as NASLib ranks edges: it sets the alpha of `Zero` to minus
        infinity before."""
        choice = self.chosen[name]
        barred = torch.tensor([option in self.barred for option in choice.options], device=choice.alpha().device)
        return choice.alpha().masked_fill(barred, -torch.inf).softmax(0)

    def host_form(self, kept: Kept) -> object:
        """{cell: {(tail, head): NASLib's name}}; or, where a `genotype` is given, its tuple with edges in the order of
        sources, or its string."""
        if self.maker:
            ordered = {group: sorted(found, key=lambda edge: (edge[2], edge[1])) for group, found in kept.items()}
            return as_genotype(self.maker, ordered, self.concat()) if self.keep else self.maker(as_string(kept))
        names = {(name.partition("/")[0], choice.source, choice.node): choice for name, choice in self.chosen.items()}
        return {
            self.cell_names[group]: {
                (source + 1, node + 1): name_of(names[group, source, node].options[option][0])
                for option, source, node in found
            }
            for group, found in kept.items()
        }

    def concat(self) -> range:
        """All nodes of a DARTS cell; the last of another."""
        return super().concat() if self.keep else super().concat()[-1:]
