"""The images that a measure looks at, and whether their labels fit the network's logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..batches import Batches
from ..errors import SelectionError
from ..numerics.logits import check_logits, refuse_nan
from ..preserve import preserved


def first_images(batches: Batches, count: int) -> tuple[Tensor, Tensor]:
    """Returns the first `count` images and labels of the batches, or as many as there are; copies, which a network may
    change.

    Raises:
        SelectionError: there are none.

    >>> first_images([(torch.zeros(3, 1), torch.arange(3)), (torch.zeros(3, 1), torch.arange(3))], 4)[1]
    tensor([0, 1, 2, 0])
    """
    check_images(count)
    images: list[Tensor] = []
    labels: list[Tensor] = []
    total = 0
    for x, y in batches:
        images.append(x)
        labels.append(y)
        total += len(x)
        if total >= count:
            break
    if total == 0:
        raise SelectionError("there are no images to measure the network on: the batches are empty")
    return torch.cat(images)[:count], torch.cat(labels)[:count]


def check_images(count: object) -> None:
    """Raises SelectionError unless `count` can be a number of images."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise SelectionError(f"images is a number of at least 1, not {count!r}")


def read_logits(output: object) -> Tensor:
    """Returns a network's output if it is logits [B, classes] without NaN.

    Raises:
        SelectionError: it is not.
    """
    return refuse_nan(check_logits(output))


def check_labels(y: Tensor, classes: int) -> None:
    """Raises SelectionError that names the first label for which there is no logit."""
    strange = y[(y < 0) | (y >= classes)]
    if len(strange):
        raise SelectionError(
            f"label {strange[0].item()} is out of range: the network has {classes} logits, for labels 0 to "
            f"{classes - 1}"
        )


def cross_entropy(output: object, y: Tensor, reduction: str = "mean") -> Tensor:
    """The cross entropy of a network's output, in nats, once output and labels are known to fit.

    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([0, 4]))
    Traceback (most recent call last):
    selection.errors.SelectionError: label 4 is out of range: the network has 4 logits, for labels 0 to 3
    """
    logits = read_logits(output)
    check_labels(y, logits.shape[1])
    return F.cross_entropy(logits, y, reduction=reduction)


@torch.no_grad()
def count_classes(net: nn.Module, x: Tensor) -> int:
    """Number of the network's logits, from one image."""
    image = x[:1].clone()
    if image.is_floating_point():
        like = next(net.parameters(), x)
        image = image.to(like.dtype)
    with preserved(net, seed=0):
        logits = read_logits(net.eval()(image))
    return logits.shape[1]
