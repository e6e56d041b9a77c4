"""PC-DARTS: the layout of quark0/darts, where a quarter of the channels is mixed, and edges have strengths beta of
their own."""

import torch
from torch import Tensor, nn

from . import quark0


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    for group in quark0.GROUPS:
        betas = getattr(host, f"betas_{group}", None)
        if not isinstance(betas, Tensor) or betas.dim() != 1:
            return f"betas_{group}, a tensor [edges]"
    return quark0.lacks(host)


class PCDarts(quark0.Quark0):
    """A `Network` of PC-DARTS; an option is as strong as softmax(alpha) times the softmax of beta over the edges into
    its node.

    An edge all of whose options are masked contributes nothing: the channels that pass by the mixed operation go too.
    """

    def carriers(self) -> dict[str, list[nn.Module]]:
        """{choice: the modules of the whole edge}, which are off where all its options are."""
        cells = {
            group: [cell for cell in self.host.cells if bool(cell.reduction) == (group == "reduce")]
            for group in quark0.GROUPS
        }
        return {
            name: [cell._ops[choice.path[1]] for cell in cells[name.partition("/")[0]]]
            for name, choice in self.chosen.items()
        }

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """softmax(alpha) [options], times the edge's share of the softmax of beta over the edges into its node."""
        group, choice = name.partition("/")[0], self.chosen[name]
        rivals = [
            other.path[1]
            for rival, other in self.chosen.items()
            if rival.startswith(f"{group}/") and other.node == choice.node
        ]
        shares = getattr(self.host, f"betas_{group}")[rivals].softmax(0)
        return super().strengths(name) * shares[rivals.index(choice.path[1])]
