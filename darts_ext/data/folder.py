"""A folder of images, DIR/train/CLASS/*, DIR/test/CLASS/* and perhaps DIR/val/CLASS/*, decoded into one tensor."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ..runtime.errors import UsageError
from .splits import Dataset, Split, limited

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
LAYOUT = "expected DIR/train/CLASS/image.png and DIR/test/CLASS/image.png"


def load_folder(
    directory: str, *, image_size: int | None = None, train_limit: int | None = None, test_limit: int | None = None
) -> Dataset:
    """Loads the images under a folder, grey (1 channel) if all of them are, else RGB; classes are sorted by name.

    Args:
        directory: the folder, laid out as the module says.
        image_size: side in pixels to which the images are resized; None takes them as they are.
        train_limit, test_limit: at most so many images, chosen before any is decoded; train_limit holds for val too.

    Raises:
        UsageError: a file or folder, which it names, does not fit the layout, cannot be read, or differs in size
            without an `image_size`.
    """
    root = Path(directory).expanduser()
    if not root.is_dir():
        raise UsageError(f"no folder {root}: {LAYOUT}")
    listings = {"train": _list_files(root / "train"), "test": _list_files(root / "test")}
    if (root / "val").is_dir():
        listings["val"] = _list_files(root / "val")
    classes = tuple(listings["train"])
    for part, listing in listings.items():
        _check_classes(root / part, set(listing), root / "train", set(classes))
    limits = {
        "train": ("--train_limit", train_limit),
        "test": ("--test_limit", test_limit),
        "val": ("--train_limit", train_limit),
    }
    files = []
    labels = {}
    for part, listing in listings.items():
        part_files, labels[part] = _choose_files(listing, *limits[part])
        files += part_files
    # Decoded together, because one coloured image anywhere makes all splits RGB.
    images = decode(files, image_size)
    parts = images.split([len(part_labels) for part_labels in labels.values()])
    splits = {}
    for (part, part_labels), pixels in zip(labels.items(), parts, strict=True):
        splits[part] = Split(pixels, part_labels)
    return Dataset(f"folder:{directory}", splits["train"], splits["test"], splits.get("val"), classes, flip=True)


def _list_files(folder: Path) -> dict[str, list[Path]]:
    """Lists the image files of each class, both sorted by name."""
    if not folder.is_dir():
        raise UsageError(f"no {folder.name}/ in {folder.parent}: {LAYOUT}")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise UsageError(f"no class folders in {folder}: {LAYOUT}")
    listing = {}
    for path in classes:
        names = sorted(name for name in os.listdir(path) if _is_image(name))
        if not names:
            raise UsageError(f"empty class: {path} has no images ({' '.join(SUFFIXES)})")
        listing[path.name] = [path / name for name in names]
    return listing


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _check_classes(folder: Path, classes: set[str], train_folder: Path, train_classes: set[str]) -> None:
    for name in sorted(classes ^ train_classes):
        if name in classes:
            present, absent = folder, train_folder
        else:
            present, absent = train_folder, folder
        raise UsageError(f"classes differ: {present} has {name!r}, {absent} has not; both need the same class folders")


def _choose_files(listing: dict[str, list[Path]], flag: str, limit: int | None) -> tuple[list[Path], Tensor]:
    """Returns the files within the limit, and their labels."""
    files = list(chain.from_iterable(listing.values()))
    counts = torch.tensor([len(class_files) for class_files in listing.values()])
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    indices = limited(labels, limit, len(counts), flag)
    return [files[i] for i in indices.tolist()], labels[indices]


def decode(files: list[Path], image_size: int | None) -> Tensor:
    """Returns the images, uint8 [N, H, W, 1 or 3], resized to a square of `image_size` where that is given.

    Raises:
        UsageError: an image cannot be read or, without `image_size`, is not square or differs in size from the first.
    """
    height, width, _ = _read_pixels(files[0], image_size).shape
    if height != width:
        raise UsageError(f"{files[0]} has {width}x{height} pixels, which is not square: give --image_size")
    pixels = np.empty((len(files), height, width, 3), np.uint8)

    def read(index: int) -> bool:
        """Puts an image in its place; returns whether it is grey."""
        image = _read_pixels(files[index], image_size)
        if image.shape[:2] != (height, width):
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UsageError(f"{files[index]} has {size} pixels, {files[0]} has {width}x{height}: give --image_size")
        pixels[index] = image
        return image.shape[2] == 1

    # Threads are enough: Pillow decodes without holding the interpreter's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        reads = pool.map(read, range(len(files)))
        grey = list(tqdm(reads, total=len(files), desc="reading images", unit="image", disable=None))
    if all(grey):
        pixels = pixels[..., :1].copy()
    return torch.from_numpy(pixels)


def _read_pixels(file: Path, image_size: int | None) -> np.ndarray:
    """Reads one image, uint8 [H, W, 1 or 3]."""
    try:
        with Image.open(file) as image:
            mode = image.mode
            image = image.convert("L" if mode in ("1", "L") else "RGB")
    except Exception as error:  # Pillow's decoders raise many kinds
        raise UsageError(f"cannot read the image {file}: replace it or take it away") from error
    if mode.startswith(("I", "F")):  # convert() has clipped it to white
        raise UsageError(f"{file} has more than 8 bits a channel: convert it to 8 bits")
    if image_size is not None:
        image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)  # antialiased, in Pillow
    return np.atleast_3d(np.asarray(image))
