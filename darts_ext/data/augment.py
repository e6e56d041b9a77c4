"""Random crop, mirror image and cutout of a whole batch at once, from draws made beforehand."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training image: a crop out of a black border of `pad` pixels, a mirror image with probability
    1/2 (`flip`), and a square of side `cutout` set to zero after normalisation, centred on any pixel and clipped at the
    borders (DeVries and Taylor 2017, arXiv:1708.04552)."""

    pad: int = 0
    flip: bool = False
    cutout: int = 0


def draw(augmentation: Augmentation, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """The random part of `count` augmentations, int64 [count, 5]: crop top, crop left, mirrored, cutout row, cutout
    column.

    All five are always drawn, so that switching one augmentation off leaves the others as they were.
    """
    crops = 2 * augmentation.pad + 1
    bounds = (crops, crops, 2, height, width)
    draws = torch.stack([torch.randint(bound, (count,), generator=generator) for bound in bounds], dim=1)
    draws[:, 2] *= augmentation.flip
    return draws


def crop_and_flip(images: Tensor, draws: Tensor, pad: int) -> Tensor:
    """Each image, [B, H, W, C], cropped to its own size out of its zero-padded self, then mirrored, in one gather."""
    _, height, width, _ = images.shape
    top, left, mirrored, _, _ = draws.unbind(1)
    padded = F.pad(images, (0, 0, pad, pad, pad, pad))
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(mirrored[:, None] == 1, columns.flip(0), columns)
    batch = torch.arange(len(images), device=images.device)
    return padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_out(images: Tensor, draws: Tensor, side: int) -> Tensor:
    """Sets a square of this side to zero in each image, [B, H, W, C], in place."""
    _, height, width, _ = images.shape
    rows = _covered(draws[:, 3], height, side)
    columns = _covered(draws[:, 4], width, side)
    return images.masked_fill_((rows[:, :, None] & columns[:, None, :])[..., None], 0)


def _covered(centres: Tensor, length: int, side: int) -> Tensor:
    """Which of the positions 0..length-1 lie in an interval of this side around each centre, bool [B, length]."""
    offsets = torch.arange(length, device=centres.device) - (centres - side // 2)[:, None]
    return (offsets >= 0) & (offsets < side)
