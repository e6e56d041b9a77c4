"""pt.darts: a controller that holds the network and, node by node, its alphas; `none` comes last."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .adapter import Adapter, HostChoice
from .cells import GROUPS, list_cells
from .forms import KeptEdges, make_genotype
from .host import Host
from .operation_names import check_order, name_operations, read_from_source


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    for group in GROUPS:
        if not isinstance(getattr(host, f"alpha_{group}", None), nn.ParameterList):
            return f"alpha_{group}, a ParameterList [edges, operations] a node"
    cells = getattr(getattr(host, "net", None), "cells", None)
    is_list = isinstance(cells, nn.ModuleList)
    if not is_list or not all(isinstance(getattr(cell, "dag", None), nn.ModuleList) for cell in cells):
        return "net.cells with `dag`, a list of mixed operations a node"
    return None


def find_choices(host: Host, primitives: Sequence[str] | None) -> dict[str, HostChoice]:
    """Finds the choices normal/0/op ... reduce/13/op, node by node."""
    names = primitives
    if primitives is None:
        names = read_from_source(host, "gt.PRIMITIVES", "genotypes.PRIMITIVES", "PRIMITIVES")
    choices = {}
    for group in GROUPS:
        cells = list_cells(host.net.cells, group)
        if cells:
            choices |= _find_choices_of_group(host, group, cells, names)
    if primitives is None:
        for choice, found in choices.items():
            check_order(choice, found.options)
    return choices


def _find_choices_of_group(
    host: Host, group: str, cells: list[Host], names: Sequence[str] | None
) -> dict[str, HostChoice]:
    choices = {}
    for node, edges in enumerate(cells[0].dag):
        for source in range(len(edges)):
            choice = f"{group}/{len(choices)}/op"
            mixed = [cell.dag[node][source]._ops for cell in cells]
            options = name_operations(choice, names, mixed)
            path = (f"alpha_{group}", node, source)
            choices[choice] = HostChoice(options, host, path, source, node + 2)
    return choices


class PtDarts(Adapter):
    """A `SearchCNNController` of pt.darts.

    Edges are ranked by alpha itself, as `controller.genotype()` does, where DARTS ranks them by softmax(alpha).

    Args:
        primitives: names of the operations, `none` last; where None, those of its module `genotypes`.
        genotype: the namedtuple to answer with; where None, the one of that module.
    """

    def __init__(
        self, host: nn.Module, *, primitives: Sequence[str] | None = None, genotype: type | None = None
    ) -> None:
        own_genotype = genotype or read_from_source(host, "gt.Genotype", "genotypes.Genotype", "Genotype")
        super().__init__(host, find_choices(host, primitives), own_genotype, "softmax")  # taken below

    def forward(self, x: Tensor) -> Tensor:
        """Maps inputs [B, ...] to logits [B, classes]; on one device, where the controller would send copies of the
        network to all GPUs."""
        normal = [alpha.softmax(-1) for alpha in self.host.alpha_normal]
        reduce = [alpha.softmax(-1) for alpha in self.host.alpha_reduce]
        return self.host.net(x, normal, reduce)

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns alpha [options], which its `genotypes.parse` ranks as it is; the order of the options is that of the
        softmax, the order of the edges is not."""
        return self.host_choices[name].alpha.clone()

    def to_host_form(self, kept: KeptEdges) -> object:
        """Returns its `Genotype`: a list of (operation, source) for each node."""
        if self.genotype_type is None:
            return super().to_host_form(kept)
        return make_genotype(self.genotype_type, kept, self.concat_states(), nested=True)
