"""NAS-Bench-201 supernets of AutoDL-Projects and darts-pt: cells with `edges` of candidates, and no module for the
mixed operation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .adapter import Adapter, HostChoice
from .dartspt import check_unprojected
from .forms import KeptEdges, group_by_node, write_nasbench201
from .host import Host
from .operation_names import name_operations

ALPHAS = ("arch_parameters", "_arch_parameters")
MODES = ("_mode", "mode")


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    if not list_search_cells(host):
        return "cells with `edges`, {'1<-0': [candidates], ...}"
    if _find_alphas(host) is None:
        return f"{' or '.join(ALPHAS)}, a tensor [edges, operations]"
    return None


def list_search_cells(host: nn.Module) -> list[Host]:
    """Lists the cells that hold candidates; those between them, which reduce the image, do not."""
    cells = getattr(host, "_cells", getattr(host, "cells", None))
    if not isinstance(cells, nn.ModuleList):
        return []
    return [cell for cell in cells if _has_candidates(cell)]


def _has_candidates(cell: nn.Module) -> bool:
    edges = getattr(cell, "edges", None)
    if not isinstance(edges, nn.ModuleDict):
        return False
    return all(re.fullmatch(r"\d+<-\d+", key) and isinstance(edge, nn.ModuleList) for key, edge in edges.items())


def _find_alphas(host: nn.Module) -> str | None:
    """Finds the attribute that is the tensor of alphas: in some networks `arch_parameters` is a method."""
    return next((name for name in ALPHAS if isinstance(getattr(host, name, None), Tensor)), None)


def _find_mode(host: nn.Module) -> str | None:
    """Finds the attribute that says in which mode the network runs."""
    return next((name for name in MODES if name in vars(host)), None)


def find_choices(host: nn.Module) -> dict[str, HostChoice]:
    """Finds the choices cell/0/op ... cell/5/op, node by node."""
    cells = list_search_cells(host)
    names = getattr(cells[0], "op_names", None)
    alphas: Any = _find_alphas(host)  # not None, see `find_missing`
    edges = []
    for key in cells[0].edges:
        node, source = key.split("<-")
        edges.append((int(node), int(source)))
    choices = {}
    for row, (node, source) in enumerate(sorted(edges)):
        choice = f"cell/{row}/op"
        key = f"{node}<-{source}"
        options = name_operations(choice, names, [cell.edges[key] for cell in cells])
        path = (alphas, cells[0].edge2index[key])
        choices[choice] = HostChoice(options, host, path, source, node)
    return choices


class NASBench201(Adapter):
    """`GenericNAS201Model` or a `TinyNetwork...` of AutoDL-Projects, or a `TinyNetwork...` of darts-pt.

    A network that can run in several modes is run as the mixture of all candidates, whatever its mode is. `none` may be
    chosen, and all edges stay.

    Args:
        genotype: what to answer with, as `Structure`; where None, the string of NAS-Bench-201.
        weighting: see `Adapter`.
    """

    json_format = "nasbench201"
    never_chosen = ()
    edges_per_node = None
    cell_inputs = 1

    def __init__(self, host: nn.Module, *, genotype: type | None = None, weighting: str | None = None) -> None:
        check_unprojected(getattr(host, "candidate_flags", {}))
        super().__init__(host, find_choices(host), genotype, weighting)
        if hasattr(host, "set_tau") and _find_mode(host) is None:
            self.find_mixing()  # such a network may run one sampled candidate an edge: that is refused

    def forward(self, x: Tensor) -> Tensor:
        """Maps inputs [B, ...] to logits [B, classes]; AutoDL-Projects' networks return (features, logits)."""
        with self._mixing():
            output = self.host(x)
        return output[-1] if isinstance(output, tuple) else output

    def to_host_form(self, kept: KeptEdges) -> object:
        """Returns the string of NAS-Bench-201, or what `genotype` makes of the edges into each node."""
        if self.genotype_type is None:
            return write_nasbench201(kept)
        return self.genotype_type([tuple(node) for node in group_by_node(kept["cell"])])

    def concat_states(self) -> range:
        """Returns the last state."""
        return super().concat_states()[-1:]

    @contextmanager
    def _mixing(self) -> Iterator[None]:
        """Inside the block the host runs as the mixture; its mode is put back afterwards."""
        name = _find_mode(self.host)
        if name is None:
            yield
            return
        before = getattr(self.host, name)
        try:
            setattr(self.host, name, "joint")
            yield
        finally:
            setattr(self.host, name, before)
