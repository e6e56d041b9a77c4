"""How well the network does on the batches, with batch statistics in its BatchNorms (as DARTS-PT evaluates a
supernet)."""

import torch
from torch import Tensor, nn

from ..preserve import preserved
from ..registry import register_measure
from .batch import check_labels, cross_entropy, read_logits


@torch.no_grad()
def _mean(net: nn.Module, batches: list[tuple[Tensor, Tensor]], quantity) -> float:
    with preserved(net, seed=0):
        net.train()
        sums = [(quantity(read_logits(net(x.clone())), y).double(), len(y)) for x, y in batches]
    totals, counts = zip(*sums)
    return float(sum(totals)) / sum(counts)


def _correct(logits: Tensor, y: Tensor) -> Tensor:
    check_labels(y, logits.shape[1])
    return (logits.argmax(1) == y).sum()


@register_measure("accuracy", additive=True)
def accuracy(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Share of images classified correctly, in [0, 1]."""
    return _mean(net, batches, _correct)


@register_measure("loss", additive=True)
def loss(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Negated mean cross entropy, in nats."""
    return -_mean(net, batches, lambda logits, y: cross_entropy(logits, y, reduction="sum"))
