"""PC-DARTS: the layout of quark0/darts, where a quarter of the channels is mixed, and edges have strengths beta of
their own."""

from typing import cast

import torch
from torch import Tensor, nn

from ..protocol import group_of
from . import quark0
from .cells import GROUPS


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    for group in GROUPS:
        betas = getattr(host, f"betas_{group}", None)
        if not isinstance(betas, Tensor) or betas.dim() != 1:
            return f"betas_{group}, a tensor [edges]"
    return quark0.find_missing(host)


class PCDarts(quark0.Quark0):
    """A `Network` of PC-DARTS; an option is as strong as softmax(alpha) times the softmax of beta over the edges into
    its node.

    An edge all of whose options are masked contributes nothing: the channels that pass by the mixed operation go too.
    """

    def carriers(self) -> dict[str, list[nn.Module]]:
        """Returns {choice: the modules of the whole edge}, which are off where all its options are."""
        return self.list_edges()

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns softmax(alpha) [options], times the edge's share of the softmax of beta over the edges into its
        node."""
        group = group_of(name)
        node = self.host_choices[name].node
        rivals = []
        for rival, choice in self.host_choices.items():
            if group_of(rival) == group and choice.node == node:
                rivals.append(self._row(rival))
        shares = getattr(self.host, f"betas_{group}")[rivals].softmax(0)
        return super().strengths(name) * shares[rivals.index(self._row(name))]

    def _row(self, name: str) -> int:
        """The row of a choice's edge in alphas and betas."""
        _, row = cast(tuple[str, int], self.host_choices[name].path)
        return row
