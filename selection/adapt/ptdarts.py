"""pt.darts: a controller that holds the network and, node by node, its alphas; `none` comes last."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .adapter import Adapter, Choice
from .names import check_names, from_source
from .wiring import Kept, as_genotype

GROUPS = ("normal", "reduce")


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    for group in GROUPS:
        if not isinstance(getattr(host, f"alpha_{group}", None), nn.ParameterList):
            return f"alpha_{group}, a ParameterList [edges, operations] a node"
    cells = getattr(getattr(host, "net", None), "cells", None)
    if not isinstance(cells, nn.ModuleList) or not all(
        isinstance(getattr(cell, "dag", None), nn.ModuleList) for cell in cells
    ):
        return "net.cells with `dag`, a list of mixed operations a node"
    return None


def choices_of(host: nn.Module, primitives: Sequence[str] | None) -> dict[str, Choice]:
    """The choices normal/0/op ... reduce/13/op, node by node."""
    chosen = {}
    for group in GROUPS:
        cells = [cell for cell in host.net.cells if bool(cell.reduction) == (group == "reduce")]
        row = 0
        for node, mixed in enumerate(cells[0].dag if cells else ()):
            for source in range(len(mixed)):
                name, operations = f"{group}/{row}/op", [cell.dag[node][source] for cell in cells]
                own = from_source(host, "gt.PRIMITIVES", "genotypes.PRIMITIVES", "PRIMITIVES")
                options = check_names(
                    name, own if primitives is None else primitives, [operation._ops for operation in operations]
                )
                chosen[name] = Choice(options, host, (f"alpha_{group}", node, source), source, node + 2)
                row += 1
    return chosen


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
        super().__init__(
            host,
            choices_of(host, primitives),
            genotype or from_source(host, "gt.Genotype", "genotypes.Genotype", "Genotype"),
        )

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]; on one device, where the controller would send copies of the network
        to all GPUs."""
        normal, reduce = (
            [alpha.softmax(-1) for alpha in alphas] for alphas in (self.host.alpha_normal, self.host.alpha_reduce)
        )
        return self.host.net(x, normal, reduce)

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """alpha [options], which its `genotypes.parse` ranks as it is; the order of the options is that of the softmax,
        the order of the edges is not."""
        return self.chosen[name].alpha().clone()

    def host_form(self, kept: Kept) -> object:
        """Its `Genotype`: a list of (operation, source) for each node."""
        return as_genotype(self.maker, kept, self.concat(), nested=True) if self.maker else super().host_form(kept)
