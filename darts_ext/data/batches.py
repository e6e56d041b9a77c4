"""Batches of a split: shuffled, augmented, normalised; the same for the same seed, stream and epoch."""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from selection.numerics.precision import convert_to_float64

from ..runtime.errors import UsageError
from .augment import Augmentation, crop_and_flip, cut_out, draw
from .splits import Split


def normalisation(split: Split) -> tuple[Tensor, Tensor]:
    """Returns mean and standard deviation of each channel, float32 [C] each, of pixel values in [0, 1].

    The deviation is at least one grey level (1/255), so that a constant channel can be divided by it.

    >>> normalisation(Split(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1), torch.tensor([0, 1])))
    (tensor([0.5000]), tensor([0.5000]))
    """
    # Counting grey levels is exact and needs no float copy of the images.
    channels = [channel.flatten() for channel in split.images.unbind(3)]
    counts = torch.stack([channel.bincount(minlength=256) for channel in channels]).cpu().double()
    weights = counts / counts.sum(1, keepdim=True)
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = weights @ levels
    variance = (weights * (levels - mean[:, None]) ** 2).sum(1)
    deviation = variance.sqrt().clamp_min(1 / 255)
    return mean.float(), deviation.float()


class ImageBatches:
    """The batches of a split, on a device.

    Order, crops, mirror images and cutouts are drawn on the CPU as a function of (seed, stream, epoch), so a resumed
    run repeats them exactly, on any device; two streams of one seed (the weights' and the alphas') are independent.

    Args:
        split: the images; kept on the device as uint8.
        batch_size: images in a batch.
        mean, std: [C] each, of pixel values in [0, 1].
        augmentation: None for the images as they are.
        shuffle: False keeps the split's order.
        drop_last: leave out a last batch that is not full.

    Raises:
        UsageError: if `batch_size` is below 1 or larger than the split.

    >>> split = Split(torch.zeros(5, 8, 8, 3, dtype=torch.uint8), torch.arange(5))
    >>> batches = ImageBatches(split, 2, mean=[0.5] * 3, std=[0.5] * 3, shuffle=False)
    >>> [(tuple(x.shape), y.tolist()) for x, y in batches.epoch(0)]
    [((2, 3, 8, 8), [0, 1]), ((2, 3, 8, 8), [2, 3]), ((1, 3, 8, 8), [4])]
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        mean: Tensor | Sequence[float],
        std: Tensor | Sequence[float],
        device: torch.device | str = "cpu",
        augmentation: Augmentation | None = None,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        stream: str = "train",
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"a batch of {batch_size} has no images: give --batch_size of at least 1")
        if batch_size > len(split):
            raise UsageError(
                f"a batch of {batch_size} is larger than the split of {len(split)} images: lower --batch_size"
            )
        mean, std = _read_channels(mean), _read_channels(std)
        self.split = split.to(device)
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.stream = stream
        self.shuffle = shuffle
        self.drop_last = drop_last
        # (pixel / 255 - mean) / std as one product and one sum.
        self._scale = (1 / (255 * std)).float().to(device)
        self._shift = (-mean / std).float().to(device)

    def __len__(self) -> int:
        full, remainder = divmod(len(self.split), self.batch_size)
        if self.drop_last or remainder == 0:
            return full
        return full + 1

    def epoch(self, e: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the batches of epoch `e`: x float32 [B, C, H, W], y int64 [B].

        On the CPU x is in channels_last memory format, in which depthwise convolutions are several times as fast.
        """
        count, height, width, _ = self.split.images.shape
        device = self.split.images.device
        generator = _create_generator(self.seed, self.stream, e)
        order = torch.randperm(count, generator=generator) if self.shuffle else torch.arange(count)
        order = order.to(device)
        draws = None
        if self.augmentation is not None:
            draws = draw(self.augmentation, count, height, width, generator).to(device)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield self._batch(order[part], None if draws is None else draws[part])

    def _batch(self, indices: Tensor, draws: Tensor | None) -> tuple[Tensor, Tensor]:
        images = self.split.images[indices]
        if draws is not None:
            images = crop_and_flip(images, draws, self.augmentation.pad)
        x = images.float().mul_(self._scale).add_(self._shift)
        if draws is not None:
            x = cut_out(x, draws, self.augmentation.cutout)
        x = x.permute(0, 3, 1, 2)
        if x.device.type != "cpu":
            x = x.contiguous()
        return x, self.split.labels[indices]


def _read_channels(values: Tensor | Sequence[float]) -> Tensor:
    """Returns a number for each channel in float64, wherever there is one."""
    return convert_to_float64(values) if isinstance(values, Tensor) else torch.tensor(values, dtype=torch.float64)


def _create_generator(seed: int, stream: str, epoch: int) -> torch.Generator:
    """Returns the generator of (seed, stream, epoch); Python's hash() would differ between processes."""
    key = f"{seed}/{stream}/{epoch}"
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))
