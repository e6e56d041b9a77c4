"""How well the network does on the batches, with batch statistics in its BatchNorms (as DARTS-PT evaluates a
supernet)."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..losses import Loss, Metric, compute_loss, settle_loss, share_right, take_metric
from ..numerics.logits import read_logits
from ..numerics.precision import convert_to_float64
from ..preserve import preserved
from ..registry import register_measure
from .batch import Batches

AddUp = Callable[[object, Any, Any], Tensor]  # a sum over a batch's samples, of outputs, targets and loss


@register_measure("accuracy", additive=True, finer="loss")
def accuracy(net: nn.Module, batches: Batches, *, metric: Metric = None, loss: Loss = None) -> float:
    """Share of images classified correctly, in [0, 1].

    Of dense labels it is the share of positions, of several labels an image the share of labels.

    Args:
        metric: (outputs, targets) -> number, higher is better, of all batches together, in place of the share.
        loss: a name of `losses.LOSSES` says how the targets are read.
    """
    if metric is not None:
        outputs, targets = zip(*_outputs(net, batches))
        return take_metric(metric, outputs, targets)
    return _mean(net, batches, _count_right, loss if isinstance(loss, str) else None)


@register_measure("loss", additive=True)
def loss(net: nn.Module, batches: Batches, *, loss: Loss = None) -> float:
    """Negated mean loss; cross entropy, in nats, where the targets are classes.

    Args:
        loss: a name of `losses.LOSSES`, or a function (outputs, targets) -> mean over samples, or [B].
    """
    return -_mean(net, batches, _add_up_losses, loss)


def _count_right(output: object, y: Any, loss: str) -> Tensor:
    return share_right(read_logits(output), y, loss).sum()


def _add_up_losses(output: object, y: Any, loss: Loss) -> Tensor:
    return compute_loss(output, y, loss, "sum")


def _mean(net: nn.Module, batches: Batches, add_up: AddUp, loss: Loss) -> float:
    """The mean over images of what `add_up` adds up."""
    totals: list[Tensor] = []
    for output, y in _outputs(net, batches):
        if not totals:
            loss = settle_loss(loss, output, [y for _, y in batches])
        totals.append(convert_to_float64(add_up(output, y, loss)))
    return float(sum(totals)) / sum(len(x) for x, _ in batches)


@torch.no_grad()
def _outputs(net: nn.Module, batches: Batches) -> Iterator[tuple[object, Any]]:
    """Yields the network's output for each batch, and its targets."""
    with preserved(net, seed=0):
        net.train()
        for x, y in batches:
            yield net(x.clone()), y
