"""NASLib: a graph of graphs; an edge's data holds the mixed operation and its alphas, which the copies of a cell
share."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..protocol import group_of
from .adapter import Adapter, HostChoice
from .forms import KeptEdges, make_genotype, write_nasbench201
from .host import Host

OPTION_OF_NAME = {
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
GROUP_OF_CELL = {"normal_cell": "normal", "reduction_cell": "reduce"}
MixedEdges = dict[tuple[int, int], list]  # {(tail, head): the edge's data in each copy of the cell}


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    if not _is_graph(host):
        return "nodes and edges of a graph"
    if not find_cells(host):
        return "edges with `alpha`, which an optimizer's adapt_search_space adds"
    return None


def _is_graph(module: nn.Module) -> bool:
    """Asks the class: a graph keeps each of its views once the graph itself is asked for it."""
    return all(hasattr(type(module), name) for name in ("nodes", "edges", "in_degree"))


def find_cells(host: nn.Module) -> dict[str, tuple[Host, MixedEdges]]:
    """Finds {name of a cell: (its first copy, its mixed edges)}, in the order of nodes; NASLib itself lists edges by
    the state that they leave."""
    cells: dict[str, tuple[Host, MixedEdges]] = {}
    for graph in _list_graphs(host):
        for tail, head, data in sorted(graph.edges.data(), key=lambda edge: (edge[1], edge[0])):
            if data.has("alpha"):
                _, edges = cells.setdefault(graph.name, (graph, {}))
                edges.setdefault((tail, head), []).append(data)
    return cells


def _list_graphs(host: nn.Module) -> Iterator[Host]:
    return (module for module in host.modules() if _is_graph(module))


def _count_inputs(graph: Host) -> int:
    """Counts a cell's inputs: nodes that no edge reaches."""
    edges = graph.edges.data()
    tails = {tail for tail, _, _ in edges}
    heads = {head for _, head, _ in edges}
    return len(tails - heads)


def find_choices(cells: dict[str, tuple[Host, MixedEdges]]) -> dict[str, HostChoice]:
    """Finds the choices GROUP/0/op ..., node by node; state 0 is node 1."""
    choices = {}
    for cell, (_, edges) in cells.items():
        group = GROUP_OF_CELL.get(cell, cell)
        for row, ((tail, head), copies) in enumerate(edges.items()):
            choice = f"{group}/{row}/op"
            options = _name_options(choice, cell, copies)
            choices[choice] = HostChoice(options, copies[0], ("alpha",), tail - 1, head - 1)
    return choices


def _name_options(choice: str, cell: str, copies: list) -> dict[str, list[nn.Module]]:
    """Returns {option: [modules]} of one edge, or raises SelectionError.

    Args:
        copies: the edge's data in each copy of the cell.
    """
    mixed: list[Any] = [getattr(data.op, "primitives", None) for data in copies]
    if not all(isinstance(primitives, (list, nn.ModuleList)) for primitives in mixed):
        raise SelectionError(
            f"{choice}: a {type(copies[0].op).__name__} has no `primitives`: a mixed operation holds a list of them"
        )
    if any(data.alpha is not copies[0].alpha for data in copies):
        raise SelectionError(
            f"{choice}: the copies of {cell} do not share one alpha: add it with shared=True, as DARTSOptimizer does"
        )
    options = {}
    for index, primitive in enumerate(mixed[0]):
        options[get_option(primitive)] = [primitives[index] for primitives in mixed]
    if len(options) < len(mixed[0]):
        names = ", ".join(get_name(primitive) for primitive in mixed[0])
        raise SelectionError(f"{choice}: two operations have one name ({names})")
    return options


def get_name(primitive: nn.Module) -> str:
    """Returns what NASLib calls an operation."""
    return getattr(primitive, "get_op_name", type(primitive).__name__)


def get_option(primitive: nn.Module) -> str:
    """Returns what DARTS and NAS-Bench-201 call an operation of NASLib."""
    name = get_name(primitive)
    return OPTION_OF_NAME.get(name, name)


class NASLib(Adapter):
    """A search space of NASLib after an optimizer's `adapt_search_space`: `optimizer.graph`.

    A cell of two inputs is a DARTS cell: two edges a node, and `Zero` is neither chosen nor given a share when edges
    are ranked. In a cell of one input all edges stay.

    Args:
        genotype: a namedtuple to answer with, as NASLib's `convert_naslib_to_genotype` does; where None, the names of
            the operations on the edges.
        weighting: see `Adapter`.
    """

    def __init__(self, host: nn.Module, *, genotype: type | None = None, weighting: str | None = None) -> None:
        cells = find_cells(host)
        inputs = {_count_inputs(graph) for graph, _ in cells.values()}
        if len(inputs) > 1:
            raise SelectionError("cells of one and of two inputs in one graph: no rule says which edges stay")
        super().__init__(host, find_choices(cells), genotype, weighting)
        self.cell_inputs = inputs.pop()
        self.is_darts = self.cell_inputs == 2
        if not self.is_darts:
            self.json_format = "nasbench201"
            self.never_chosen = ()
            self.edges_per_node = None
        self.cell_names = {GROUP_OF_CELL.get(cell, cell): cell for cell in cells}

    def forward(self, x: Tensor) -> Tensor:
        """Maps inputs [B, ...] to logits [B, classes]; the auxiliary output, which NASLib keeps in the graph, is put
        back as it was."""
        before = dict(self.host.graph)
        try:
            return self.host(x)
        finally:
            self.host.graph.clear()
            self.host.graph.update(before)

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns softmax(alpha) [options] of what may be chosen, as NASLib ranks edges: it sets the alpha of `Zero` to
        minus infinity before."""
        choice = self.host_choices[name]
        is_barred = [option in self.never_chosen for option in choice.options]
        mask = torch.tensor(is_barred, device=choice.alpha.device)
        return choice.alpha.masked_fill(mask, -torch.inf).softmax(0)

    def to_host_form(self, kept: KeptEdges) -> object:
        """Returns {cell: {(tail, head): NASLib's name}}; or, where a `genotype` is given, its tuple with edges in the
        order of sources, or its string."""
        if self.genotype_type is None:
            return self._to_names(kept)
        if not self.is_darts:
            return self.genotype_type(write_nasbench201(kept))
        ordered = {}
        for group, edges in kept.items():
            ordered[group] = sorted(edges, key=lambda edge: (edge[2], edge[1]))
        return make_genotype(self.genotype_type, ordered, self.concat_states())

    def _to_names(self, kept: KeptEdges) -> dict[str, dict[tuple[int, int], str]]:
        """Returns {cell: {(tail, head): NASLib's name}}; node 1 is state 0."""
        choices = {}
        for name, choice in self.host_choices.items():
            choices[group_of(name), choice.source, choice.node] = choice
        names: dict[str, dict[tuple[int, int], str]] = {}
        for group, edges in kept.items():
            cell = self.cell_names[group]
            names[cell] = {}
            for option, source, node in edges:
                first_copy = choices[group, source, node].options[option][0]
                names[cell][source + 1, node + 1] = get_name(first_copy)
        return names

    def concat_states(self) -> range:
        """Returns all nodes of a DARTS cell; the last of another."""
        states = super().concat_states()
        return states if self.is_darts else states[-1:]
