"""How well the network does on the batches, with batch statistics in its BatchNorms (as DARTS-PT evaluates a
supernet)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..preserve import preserved
from ..registry import register_measure
from .batch import Batches, check_labels, cross_entropy, read_logits


@torch.no_grad()
def _mean(net: nn.Module, batches: Batches, add_up: Callable[[Tensor, Tensor], Tensor]) -> float:
    """The mean over images; `add_up` makes a sum over a batch's images of logits and labels."""
    totals: list[Tensor] = []
    counts: list[int] = []
    with preserved(net, seed=0):
        net.train()
        for x, y in batches:
            logits = read_logits(net(x.clone()))
            totals.append(add_up(logits, y).double())
            counts.append(len(y))
    return float(sum(totals)) / sum(counts)


def _count_correct(logits: Tensor, y: Tensor) -> Tensor:
    check_labels(y, logits.shape[1])
    return (logits.argmax(1) == y).sum()


def _add_up_losses(logits: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(logits, y, reduction="sum")


@register_measure("accuracy", additive=True)
def accuracy(net: nn.Module, batches: Batches) -> float:
    """Share of images classified correctly, in [0, 1]."""
    return _mean(net, batches, _count_correct)


@register_measure("loss", additive=True)
def loss(net: nn.Module, batches: Batches) -> float:
    """Negated mean cross entropy, in nats."""
    return -_mean(net, batches, _add_up_losses)
