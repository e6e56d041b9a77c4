"""Labelled images, and their division into halves and under limits, always class by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..runtime.errors import UsageError


@dataclass(frozen=True, eq=False)
class Split:
    """Images, uint8 [N, H, W, C], and their labels, int64 [N].

    >>> split = Split(torch.zeros(3, 8, 8, 1, dtype=torch.uint8), torch.tensor([0, 1, 2]))
    >>> len(split), split.subset([2, 0]).labels
    (3, tensor([2, 0]))
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Tensor | Sequence[int]) -> "Split":
        """Returns the images at these indices, in their order."""
        indices = torch.as_tensor(indices, dtype=torch.int64, device=self.labels.device)
        return Split(self.images[indices], self.labels[indices])

    def to(self, device: torch.device | str) -> "Split":
        """Returns the split on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Square images of named classes.

    Args:
        val: a split of its own for the alphas, where the source has one.
        flip: whether a mirrored image keeps its label.
    """

    name: str
    train: Split
    test: Split
    val: Split | None
    classes: tuple[str, ...]
    flip: bool

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def in_chans(self) -> int:
        """Number of channels: 1 (grey) or 3 (RGB)."""
        return self.train.images.shape[3]

    @property
    def image_size(self) -> int:
        """Height, which is also the width, in pixels."""
        return self.train.images.shape[1]


def halves(dataset: Dataset, portion: float = 0.5, seed: int = 0) -> tuple[Split, Split]:
    """Returns the images that train the weights and those that train the alphas.

    A seeded permutation of the training images, of which the first half takes `portion` of every class; a data set
    with a `val` split keeps its own division, train and val.

    Raises:
        UsageError: a half would be empty.

    >>> split = Split(torch.zeros(8, 1, 1, 1, dtype=torch.uint8), torch.arange(8) % 2)
    >>> weights, alphas = halves(Dataset("eight", split, split, None, ("even", "odd"), flip=False))
    >>> weights.labels.bincount(), alphas.labels.bincount()
    (tensor([2, 2]), tensor([2, 2]))
    """
    if dataset.val is not None:
        return dataset.train, dataset.val
    first, second = divide(dataset.train.labels, portion, torch.Generator().manual_seed(seed))
    if not len(first) or not len(second):
        raise UsageError(
            f"a portion of {portion} leaves no image of {dataset.name} in one of the halves: choose one nearer to 0.5"
        )
    return dataset.train.subset(first), dataset.train.subset(second)


def divide(labels: Tensor, portion: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Returns the indices of `portion` of every class, and of the rest, both in random order.

    The portion is exact in total, and within one image in each class.
    """
    order = torch.randperm(len(labels), generator=generator)
    labels = labels.cpu()[order]
    # Rounding the cumulative counts, not the counts, keeps the total exact when every class has an odd number of
    # images.
    ends = (labels.bincount().cumsum(0) * portion + 0.5).floor().long()
    taken = ends.diff(prepend=ends.new_zeros(1))
    first = _rank(labels) < taken[labels]
    return order[first], order[~first]


def limited(labels: Tensor, limit: int | None, num_classes: int, flag: str) -> Tensor:
    """Returns the indices, ascending, of at most `limit` images, as equally many of each class as there are.

    The choice is fixed, so that all seeds of a study see the same images, and a smaller limit chooses from a larger
    one's images.

    Raises:
        UsageError: the limit, whose flag is named, is below the number of classes.

    >>> limited(torch.tensor([0, 0, 0, 0, 0, 1]), 4, 2, "--train_limit").numel()
    4
    """
    if limit is None:
        return torch.arange(len(labels))
    if limit < num_classes:
        raise UsageError(f"{flag} {limit} is below the number of classes: give at least {num_classes}")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    in_turn = _rank(labels[order]).argsort(stable=True)
    return order[in_turn[:limit]].sort().values


def _rank(labels: Tensor) -> Tensor:
    """Counts, for each entry, the earlier ones with the same label, int64 [N]."""
    order = labels.argsort(stable=True)
    counts = labels.bincount()
    starts = counts.cumsum(0) - counts
    ranks = torch.empty_like(labels)
    ranks[order] = torch.arange(len(labels)) - starts[labels[order]]
    return ranks
