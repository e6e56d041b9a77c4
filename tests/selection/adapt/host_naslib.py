"""A stand-in for NASLib: a graph whose nodes hold cells, mixed operations that are called by `.forward` with the edge's
data, alphas shared by copies."""

import networkx as nx
import torch
from adapt.host_quark0 import Zero, conv
from torch import nn


class EdgeData:
    """What an edge carries: attributes, and no dict."""

    def __init__(self):
        self._data = {}

    def update(self, data):
        self._data.update(data)

    def has(self, key):
        return key in self._data

    def __getattr__(self, key):
        if key.startswith("_") or key not in self._data:
            raise AttributeError(key)
        return self._data[key]


class Primitive(nn.Module):
    """An operation takes the edge's data too, and says what it is called."""

    def __init__(self, called, op):
        super().__init__()
        self.called, self.op = called, op

    def forward(self, x, edge_data=None):
        return self.op(x)

    @property
    def get_op_name(self):
        return self.called


class DARTSMixedOp(nn.Module):
    def __init__(self, primitives):
        super().__init__()
        self.primitives = primitives
        for index, primitive in enumerate(primitives):
            self.add_module(f"primitive-{index}", primitive)

    def forward(self, x, edge_data):
        weights = torch.softmax(edge_data.alpha, dim=-1)
        return sum(w * op(x, None) for w, op in zip(weights, self.primitives))


class Graph(nn.Module, nx.DiGraph):
    def __init__(self, name):
        nx.DiGraph.__init__(self)
        nn.Module.__init__(self)
        self.edge_attr_dict_factory, self.name = EdgeData, name

    def __eq__(self, other):
        return self.name == other.name

    def __hash__(self):
        return hash(self.name) + id(self)

    def join(self, tail, head, **data):
        self.add_edge(tail, head, **data)
        if "op" in data:
            self.add_module(f"edge({tail},{head})", data["op"])

    def forward(self, inputs):
        entries = [node for node in sorted(self.nodes) if self.in_degree(node) == 0]
        states = dict(zip(entries, inputs))
        for node in sorted(set(self.nodes) - set(entries)):
            arriving = [(self.get_edge_data(tail, node), states[tail]) for tail in sorted(self.predecessors(node))]
            outputs = [data.op.forward(state, edge_data=data) if data.has("op") else state for data, state in arriving]
            states[node] = self.nodes[node].get("comb_op", sum)(outputs)
        return states[max(self.nodes)]


def operations(c, stride, bench):
    skip = Primitive("Identity", nn.Identity()) if stride == 1 else Primitive("FactorizedReduce", conv(c, c, 1, stride))
    last = Primitive("ReLUConvBN3x3" if bench else "SepConv3x3", conv(c, c, 3, stride))
    pool = (
        Primitive("AvgPool1x1", nn.AvgPool2d(3, stride, 1))
        if bench
        else Primitive("MaxPool", nn.MaxPool2d(3, stride, 1))
    )
    return [skip, Primitive("Zero", Zero(stride)), pool, last]


def concat(tensors):
    return torch.cat(tensors, dim=1)


def cell(name, c, alphas, reduction=False):
    """A cell with an alpha for each of its edges (tail, head), in NASLib's order: by the node that they leave."""
    graph, bench = Graph(name), name == "cell"
    for (tail, head), alpha in sorted(alphas.items()):
        graph.join(tail, head, alpha=alpha, op=DARTSMixedOp(operations(c, 2 if reduction and tail < 3 else 1, bench)))
    if not bench:
        last = max(graph.nodes)
        for node in range(3, last + 1):
            graph.join(node, last + 1)
        graph.nodes[last + 1]["comb_op"] = concat
    return graph


def alphas_of(inputs, nodes):
    return {
        (tail, head): nn.Parameter(torch.randn(4))
        for head in range(inputs + 1, inputs + nodes + 1)
        for tail in range(1, head)
    }


class SearchSpace(Graph):
    """The macro graph: stem, cells at nodes, head; an auxiliary output stays behind in the graph's dict."""

    def __init__(self, cells, width):
        super().__init__("makrograph")
        self.stem, self.head = Primitive("Stem", conv(3, 4, 3)), nn.Linear(width, 3)
        self.order = []
        for index, (graph, prepare) in enumerate(cells, start=1):
            self.add_node(index, subgraph=graph)
            self.add_module(f"subgraph_at({index})", graph)
            self.add_module(f"prepare({index})", prepare)
            self.order.append((graph, prepare))

    def forward(self, x, *_):
        x = self.stem.forward(x)
        for graph, prepare in self.order:
            x = prepare(x)
            x = graph.forward([x] * sum(graph.in_degree(node) == 0 for node in graph.nodes))
        self.graph["out_from_12"] = x
        return self.head(x.mean((2, 3)))


def darts_space():
    normal, reduce = alphas_of(2, 2), alphas_of(2, 2)
    cells = [(cell("normal_cell", 4, normal), conv(4, 4, 1)), (cell("reduction_cell", 4, reduce, True), conv(8, 4, 1))]
    return SearchSpace([*cells, (cell("normal_cell", 4, normal), conv(8, 4, 1))], 8)


def bench_space():
    alphas = alphas_of(1, 3)
    return SearchSpace([(cell("cell", 4, alphas), nn.Identity()), (cell("cell", 4, alphas), nn.Identity())], 4)
