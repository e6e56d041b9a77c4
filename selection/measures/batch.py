"""The images that a measure looks at."""

import torch
from torch import Tensor

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
