"""Images of any mode as pixels of 8 bits: transparent ones on white, those of 16 bits scaled."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ..runtime.errors import UsageError
from ..runtime.news import say

BACKGROUND = (255, 255, 255, 255)  # white, as browsers show transparent pictures
_GREY = ("1", "L", "LA", "La")


class _Picture(NamedTuple):
    """Pixels, uint8 [H, W, 1 or 3], and whether all of them became alike when transparency was put on white."""

    pixels: np.ndarray
    is_blank: bool = False


class _State(NamedTuple):
    """What is known of an image beside its pixels."""

    readable: bool = True
    grey: bool = True
    blank: bool = False


class _UnreadableError(Exception):
    """An image that Pillow cannot read."""


def decode(files: list[Path], image_size: int | None) -> Tensor:
    """Returns the images, uint8 [N, H, W, 1 or 3], resized to a square of `image_size` where that is given.

    They are grey (1 channel) if all of them are. Transparency is put on white, 16 bits are divided by 257, and of
    several frames the first is taken. The rotation that a camera noted is not applied, as in torchvision and timm.

    Raises:
        UsageError: images cannot be read, are all blank, or, without `image_size`, are not square or differ in size.
    """
    file, height, width = _find_size(files, image_size)
    pixels = np.empty((len(files), height, width, 3), np.uint8)

    def read(index: int) -> _State:
        """Puts an image in its place."""
        try:
            image, is_blank = _read_picture(files[index], image_size)
        except _UnreadableError:
            return _State(readable=False)
        if image.shape[:2] != (height, width):
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UsageError(f"{files[index]} has {size} pixels, {file} has {width}x{height}: give --image_size")
        pixels[index] = image
        return _State(grey=image.shape[2] == 1, blank=is_blank)

    # Threads are enough: Pillow decodes without holding the interpreter's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        reads = pool.map(read, range(len(files)))
        states = list(tqdm(reads, total=len(files), desc="reading images", unit="image", disable=None))
    _refuse_unreadable([name for name, state in zip(files, states) if not state.readable], len(files))
    _tell_blank([name for name, state in zip(files, states) if state.blank], len(files))
    if all(state.grey for state in states):
        pixels = pixels[..., :1].copy()
    return torch.from_numpy(pixels)


def _find_size(files: list[Path], image_size: int | None) -> tuple[Path, int, int]:
    """Returns the first image that can be read, its height and its width."""
    for file in files:
        try:
            image, _ = _read_picture(file, image_size)
        except _UnreadableError:
            continue
        height, width = image.shape[:2]
        if height != width:
            raise UsageError(f"{file} has {width}x{height} pixels, which is not square: give --image_size")
        return file, height, width
    raise _make_unreadable_error(files, len(files))


def _refuse_unreadable(files: list[Path], total: int) -> None:
    if files:
        raise _make_unreadable_error(files, total)


def _make_unreadable_error(files: list[Path], total: int) -> UsageError:
    more = f" and {len(files) - 1} more of {total}" if len(files) > 1 else ""
    return UsageError(f"cannot read the image {files[0]}{more}: replace it or take it away")


def _tell_blank(files: list[Path], total: int) -> None:
    """Says that figures vanished on the background; refuses images of which nothing is left."""
    if not files:
        return
    if len(files) == total:
        raise UsageError(
            f"all {total} images are blank on white, as {files[0]}: their figure is white or absent behind its "
            f"transparency; put it on another background first"
        )
    say(f"{len(files)} of {total} images are blank, because their transparency is put on white, as {files[0]}")


def _read_picture(file: Path, image_size: int | None) -> _Picture:
    try:
        with Image.open(file) as opened:
            opened.load()
            image, had_transparency = _convert(opened, file)
    except UsageError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        raise _UnreadableError from error
    extrema = np.ptp(np.asarray(image), axis=(0, 1))
    is_blank = had_transparency and not extrema.any()
    if image_size is not None:
        image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)  # antialiased, in Pillow
    return _Picture(np.atleast_3d(np.asarray(image)), bool(is_blank))


def _convert(image: Image.Image, file: Path) -> tuple[Image.Image, bool]:
    """Returns an image of mode L or RGB, and whether any of it was transparent."""
    if image.mode.startswith(("I", "F")):
        return _scale(image, file), False
    mode = "L" if image.mode in _GREY else "RGB"
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image.convert(mode), False
    coloured = image.convert("RGBA")
    background = Image.new("RGBA", image.size, BACKGROUND)
    opacity, _ = coloured.getchannel("A").getextrema()
    return Image.alpha_composite(background, coloured).convert("RGB").convert(mode), opacity < 255


def _scale(image: Image.Image, file: Path) -> Image.Image:
    """Returns an image of 16 bits with 8: 65535 becomes 255. (Pillow's own conversion clips at 255.)"""
    values = np.asarray(image).astype(np.int64) if image.mode.startswith("I") else None
    # the whole numbers of other files have no range that is known
    if values is None or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise UsageError(f"{file} has more than 16 bits a channel: convert it to 8 bits")
    if "transparency" in image.info:
        values[values == image.info["transparency"]] = 65535  # white
    return Image.fromarray(((values + 128) // 257).clip(0, 255).astype(np.uint8))
