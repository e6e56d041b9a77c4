"""The images that a measure looks at, and whether their labels fit the network's logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SelectionError
from ..preserve import preserved

Batches = list[tuple[Tensor, Tensor]]


def first_images(batches: Batches, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` images and labels of the batches, or as many as there are.

    >>> first_images([(torch.zeros(3, 1), torch.arange(3)), (torch.zeros(3, 1), torch.arange(3))], 4)[1]
    tensor([0, 1, 2, 0])
    """
    taken, seen = [], 0
    for x, y in batches:
        taken.append((x, y))
        seen += len(x)
        if seen >= count:
            break
    x, y = (torch.cat(parts)[:count] for parts in zip(*taken))
    return x, y


def logits_of(output: object) -> Tensor:
    """A network's output, if it is logits [B, classes]."""
    if not isinstance(output, Tensor):
        raise SelectionError(f"the network returns a {type(output).__name__}, not logits [B, classes]: wrap it so that it does")
    if output.dim() < 2:
        raise SelectionError(f"the network's output is {list(output.shape)}, not logits [B, classes]")
    return output


def check_labels(y: Tensor, classes: int) -> None:
    """Raises SelectionError that names the first label for which there is no logit."""
    strange = y[(y < 0) | (y >= classes)]
    if len(strange):
        raise SelectionError(f"label {strange[0].item()} is out of range: the network has {classes} logits, for labels 0 to {classes - 1}")


def cross_entropy(output: object, y: Tensor, reduction: str = "mean") -> Tensor:
    """The cross entropy of a network's output, in nats, once output and labels are known to fit.

    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([0, 4]))
    Traceback (most recent call last):
    selection.errors.SelectionError: label 4 is out of range: the network has 4 logits, for labels 0 to 3
    """
    logits = logits_of(output)
    check_labels(y, logits.shape[1])
    return F.cross_entropy(logits, y, reduction=reduction)


@torch.no_grad()
def count_classes(net: nn.Module, x: Tensor) -> int:
    """Number of the network's logits, from one image."""
    like = next(net.parameters(), x)
    with preserved(net):
        return logits_of(net.eval()(x[:1].to(like.dtype))).shape[1]
