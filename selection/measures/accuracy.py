"""How well the network does on the batches, with batch statistics in its BatchNorms (as DARTS-PT evaluates a supernet)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SelectionError
from ..preserve import preserved
from ..registry import register_measure


@torch.no_grad()
def _mean(net: nn.Module, batches: list[tuple[Tensor, Tensor]], quantity) -> float:
    with preserved(net, seed=0):
        net.train()
        total = sum(quantity(_logits(net(x)), y).double() for x, y in batches)
    return float(total) / sum(len(y) for _, y in batches)


def _logits(output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise SelectionError(f"the network returns a {type(output).__name__}, not logits [B, classes]: wrap it so that it does")
    return output


@register_measure("accuracy")
def accuracy(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Share of images classified correctly, in [0, 1]."""
    return _mean(net, batches, lambda logits, y: (logits.argmax(1) == y).sum())


@register_measure("loss")
def loss(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Negated mean cross entropy, in nats."""
    return -_mean(net, batches, lambda logits, y: F.cross_entropy(logits, y, reduction="sum"))
