"""Random crops, mirror images and cutout of a whole batch at once, from numbers drawn beforehand."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training image.

    Args:
        pad: width in pixels of a black border, out of which a crop of the image's size is taken.
        flip: mirror the image with probability 1/2.
        cutout: side of a square that is set to zero after normalisation, centred on any pixel and clipped at the
            borders (DeVries and Taylor 2017, arXiv:1708.04552).
    """

    pad: int = 0
    flip: bool = False
    cutout: int = 0


def draw(augmentation: Augmentation, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draws the random part of `count` augmentations, int64 [count, 5].

    The columns are crop top, crop left, mirrored (0 or 1), cutout row and cutout column.

    All five are always drawn, so that switching one augmentation off leaves the others as they were.
    """
    crops = 2 * augmentation.pad + 1
    bounds = (crops, crops, 2, height, width)
    draws = torch.stack([torch.randint(bound, (count,), generator=generator) for bound in bounds], dim=1)
    draws[:, 2] *= augmentation.flip
    return draws


def crop_and_flip(images: Tensor, draws: Tensor, pad: int) -> Tensor:
    """Pads each image, [B, H, W, C], with zeros, crops it to its size and mirrors it, all in one gather."""
    _, height, width, _ = images.shape
    top, left, mirrored, _, _ = draws.unbind(1)
    padded = F.pad(images, (0, 0, pad, pad, pad, pad))
    rows = top[:, None] + torch.arange(height, device=images.device)
    forward = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, forward.flip(0), forward)
    batch = torch.arange(len(images), device=images.device)
    return padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_out(images: Tensor, draws: Tensor, side: int) -> Tensor:
    """Sets a square of this side to zero in each image, [B, H, W, C], in place."""
    _, height, width, _ = images.shape
    rows = _cover(draws[:, 3], height, side)
    columns = _cover(draws[:, 4], width, side)
    square = rows[:, :, None] & columns[:, None, :]
    return images.masked_fill_(square[..., None], 0)


def _cover(centres: Tensor, length: int, side: int) -> Tensor:
    """Returns which positions 0..length-1 lie in an interval of this side around each centre, bool [B, length]."""
    starts = centres - side // 2
    offsets = torch.arange(length, device=centres.device) - starts[:, None]
    return (offsets >= 0) & (offsets < side)
