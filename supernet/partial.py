"""Partial channels: the options of an edge read a share of its channels, and the rest passes by (PC-DARTS, Xu et al.
2020)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .errors import SpaceError


class PartialChannels(nn.Module):
    """What passes by the edges of a cell.

    Args:
        channels: of a state. share: k, of which the options read the first k-th.
        strides: of the edges.

    >>> PartialChannels(8, 4, [1]).head(torch.zeros(2, 8, 3, 3)).shape
    torch.Size([2, 2, 3, 3])
    """

    passes: Any  # nn.ModuleList, one an edge

    def __init__(self, channels: int, share: int, strides: Sequence[int]):
        super().__init__()
        self.inner = channels // share
        self.share = share
        poolings = [nn.Identity() if stride == 1 else nn.MaxPool2d(2, ceil_mode=True) for stride in strides]
        self.passes = nn.ModuleList(poolings)

    def head(self, x: Tensor) -> Tensor:
        """Returns what the options read."""
        return x[:, : self.inner]

    def join(self, edge: int, y: Tensor | Any, x: Tensor) -> Tensor | None:
        """Returns the edge's output, all channels: what its options make of x, and what passes by; None where both are
        switched off.

        Args:
            y: sum of the options; None or a 0-dim zero where there is none.
        """
        rest = self.passes[edge](x[:, self.inner :])
        if y is None or not y.dim():
            if not rest.dim():
                return None
            y = rest.new_zeros(len(rest), self.inner, *rest.shape[2:])
        elif not rest.dim():
            rest = y.new_zeros(len(y), self.inner * (self.share - 1), *y.shape[2:])
        return shuffle(torch.cat([y, rest], 1), self.share)


def check_share(channels: int, share: object) -> None:
    """Raises SpaceError unless channels can be divided so, and the parts are even, as options need them."""
    if not isinstance(share, int) or isinstance(share, bool) or share < 1 or (share > 1 and channels % (2 * share)):
        raise SpaceError(f"partial_channels is a divisor of half of the {channels} channels of a cell, not {share!r}")


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Returns the channels in another order: the first of each group, then the second of each, ...

    >>> shuffle(torch.arange(6).view(1, 6, 1, 1), 2).flatten().tolist()
    [0, 3, 1, 4, 2, 5]
    """
    batch, channels, height, width = x.shape
    return x.view(batch, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


def weigh_edges(betas: Tensor, nodes: Sequence[Sequence[int]]) -> Tensor:
    """Returns the weights [edges]: of the edges into each node the softmax of their betas.

    Args:
        nodes: the edges into each.

    >>> weigh_edges(torch.zeros(3), [[0], [1, 2]]).tolist()
    [1.0, 0.5, 0.5]
    """
    weights = torch.empty_like(betas)
    parts = [betas[list(edges)].softmax(0) for edges in nodes]
    order = [edge for edges in nodes for edge in edges]
    return weights.index_copy(0, torch.tensor(order, device=betas.device), torch.cat(parts))
