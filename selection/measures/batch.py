"""The images that a measure looks at."""

from typing import Any

import torch
from torch import Tensor

from ..batches import Batches
from ..errors import SelectionError
from ..structures import join, take


def first_images(batches: Batches, count: int) -> tuple[Tensor, Any]:
    """Returns the first `count` images and targets of the batches, or as many as there are; copies, which a network may
    change.

    Raises:
        SelectionError: there are none.

    >>> first_images([(torch.zeros(3, 1), torch.arange(3)), (torch.zeros(3, 1), torch.arange(3))], 4)[1]
    tensor([0, 1, 2, 0])
    """
    check_images(count)
    images: list[Tensor] = []
    targets: list[Any] = []
    total = 0
    for x, y in batches:
        images.append(x)
        targets.append(y)
        total += len(x)
        if total >= count:
            break
    if total == 0:
        raise SelectionError("there are no images to measure the network on: the batches are empty")
    return torch.cat(images)[:count], take(join(targets), slice(count))


def check_images(count: object) -> None:
    """Raises SelectionError unless `count` can be a number of images."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise SelectionError(f"images is a number of at least 1, not {count!r}")
