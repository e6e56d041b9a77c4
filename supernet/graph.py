"""A network as a graph of torch.fx, which TorchScript can compile; cells that follow a genotype in Python it cannot."""

import torch.fx
from torch import nn


class _Tracer(torch.fx.Tracer):
    """Leaves whole what asks for the mode or for shapes: drop paths, an auxiliary head, scales of nodes."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        whole = type(m).__name__ in ("DropPath", "AuxiliaryHead", "NodeScale")
        return whole or super().is_leaf_module(m, module_qualified_name)


def trace_graph(net: nn.Module) -> torch.fx.GraphModule:
    """Returns the network's graph in its mode, with the same tensors under the same names."""
    graph = torch.fx.GraphModule(net, _Tracer().trace(net), type(net).__name__)
    return graph.train(net.training)


def is_traced(x: object) -> bool:
    """Whether this stands for a tensor while a graph is traced: it has no shape yet."""
    return isinstance(x, torch.fx.Proxy)
