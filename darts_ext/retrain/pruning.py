"""Accuracy that is left when a network's nodes of smallest scale are pruned (Caron et al. 2023)."""

from collections.abc import Iterable

from torch import nn

from supernet import prune_nodes

from ..data import ImageBatches
from ..runtime.training import evaluate

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)


def pruning(net: nn.Module, test: ImageBatches, shares: Iterable[float] = SHARES) -> list[dict[str, float]]:
    """Returns test loss and accuracy with each share of nodes silenced in every NodeScale, without any training.

    The network is left as it was.
    """
    rows = []
    for share in shares:
        with prune_nodes(net, share):
            figures = evaluate(net, test.epoch(0), "test")
        rows.append({"pruned": share, **figures})
    return rows
