"""A folder of images, DIR/train/CLASS/*, DIR/test/CLASS/* and perhaps DIR/val/CLASS/*, decoded into one tensor."""

from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from ..runtime.errors import UsageError
from ..runtime.news import say
from .decoding import decode
from .listing import LAYOUT, LeftOut, describe_left_out, describe_order, list_files
from .splits import Dataset, Split, limited

PARTS = ("train", "test", "val")


def load_folder(
    directory: str, *, image_size: int | None = None, train_limit: int | None = None, test_limit: int | None = None
) -> Dataset:
    """Loads the images under a folder, grey (1 channel) if all of them are, else RGB.

    Files and the order of classes are those of torchvision's ImageFolder (see `listing`), but for hidden files. What is
    left out is counted in a line on standard error, and so is another order of classes in timm.

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
    listings = _list_parts(root)
    classes = tuple(listings["train"])
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


def _list_parts(root: Path) -> dict[str, dict[str, list[Path]]]:
    """Returns {part: {class: its files}}, and says what is left out."""
    left_out: LeftOut = {}
    listings = {}
    for part in PARTS:
        if part != "val" or (root / part).is_dir():
            listings[part] = list_files(root / part, left_out)
    classes = tuple(listings["train"])
    for part, listing in listings.items():
        _check_classes(root / part, set(listing), root / "train", set(classes))
    others = sorted(str(path) for path in root.iterdir() if path.name not in PARTS)
    if others:
        left_out[f"beside {', '.join(listings)}"] = others
    for news in (describe_left_out(left_out, root), describe_order(classes)):
        if news:
            say(news)
    return listings


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
