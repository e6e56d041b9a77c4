"""PC-DARTS: the layout of quark0/darts, where a quarter of the channels is mixed, and edges have strengths beta of
their own."""

from torch import Tensor, nn

from . import quark0
from .cells import GROUPS
from .edge_weights import EdgeWeights, softmax
from .host_rule import Rule

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

    def _watch_rule(self) -> Rule:
        return Rule(self.find_mixing().weighting, self.never_chosen, BETAS)
