"""PC-DARTS: the layout of quark0/darts, where a quarter of the channels is mixed, and edges have strengths beta of
their own."""

import torch
from torch import Tensor, nn

from . import quark0
from .cells import GROUPS
from .edge_weights import EdgeWeights, softmax

BETAS = EdgeWeights({group: f"betas_{group}" for group in GROUPS}, softmax)


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    for name in BETAS.names.values():
        betas = getattr(host, name, None)
        if not isinstance(betas, Tensor) or betas.dim() != 1:
            return f"{name}, a tensor [edges]"
    return quark0.find_missing(host)


class PCDarts(quark0.Quark0):
    """A `Network` of PC-DARTS; an option is as strong as softmax(alpha) times the softmax of beta over the edges into
    its node."""

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns what its genotype() ranks by [options], also where it cannot be asked."""
        if self.rule is not None:
            return super().strengths(name)
        return super().strengths(name) * BETAS.read(self.host, self.host_choices, name)
