"""Data sets by name: scikit-learn's digits, torchvision's small images, synthetic images, any folder of images."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime.errors import UsageError, unknown
from .folder import load_folder
from .splits import Dataset, Split, divide, limited

TORCHVISION = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "fashion_mnist": "FashionMNIST",
    "mnist": "MNIST",
    "svhn": "SVHN",
}
MIRROR_CHANGES_THE_LABEL = ("digits", "mnist", "svhn")
RESIZE_CHUNK = 1024


def list_data() -> list[str]:
    """Lists the names that `load` knows, besides `folder:DIR` for DIR/train/CLASS/* and DIR/test/CLASS/*.

    >>> list_data()
    ['cifar10', 'cifar100', 'digits', 'fashion_mnist', 'mnist', 'svhn', 'synthetic']
    """
    return sorted([*TORCHVISION, "digits", "synthetic"])


def load(
    name: str,
    *,
    root: str | Path = "data",
    download: bool = False,
    image_size: int | None = None,
    train_limit: int | None = None,
    test_limit: int | None = None,
) -> Dataset:
    """Loads a data set by name, the same on every call.

    Args:
        name: one of `list_data()`, or `folder:DIR`.
        root: where torchvision's sets lie, and where `download` puts them.
        image_size: side in pixels to which the images are resized (antialiased bilinear), once.
        train_limit, test_limit: at most so many images, as equally many of each class as there are; train_limit
            holds for val too.

    Raises:
        UsageError: for an unknown name, data that is absent, cannot be fetched or cannot be read, or a limit below the
            number of classes.

    >>> digits = load("digits", train_limit=100)
    >>> digits.num_classes, digits.in_chans, digits.image_size, len(digits.train), len(digits.test)
    (10, 1, 8, 100, 359)
    """
    if image_size is not None and image_size < 1:
        raise UsageError(f"--image_size {image_size} is not a size: give the side in pixels")
    if name.startswith("folder:"):
        directory = name.removeprefix("folder:")
        return load_folder(directory, image_size=image_size, train_limit=train_limit, test_limit=test_limit)
    if name not in list_data():
        raise unknown("data", name, [*list_data(), "folder:DIR"])
    if name in TORCHVISION:
        train, test, classes = _load_torchvision(name, Path(root), download)
    elif name == "digits":
        train, test, classes = _load_digits()
    else:
        train, test, classes = _draw_synthetic()
    train = train.subset(limited(train.labels, train_limit, len(classes), "--train_limit"))
    test = test.subset(limited(test.labels, test_limit, len(classes), "--test_limit"))
    if image_size is not None:
        train = _resize_split(train, image_size)
        test = _resize_split(test, image_size)
    return Dataset(name, train, test, None, classes, flip=name not in MIRROR_CHANGES_THE_LABEL)


def _load_digits() -> tuple[Split, Split, tuple[str, ...]]:
    """Loads 1797 grey images of 8x8; a fixed fifth of every class is the test split."""
    from sklearn.datasets import load_digits  # slow to import

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    split = Split(torch.from_numpy(pixels), torch.from_numpy(digits.target).long())
    test, train = divide(split.labels, 0.2, torch.Generator().manual_seed(0))
    classes = tuple(str(digit) for digit in digits.target_names)
    return split.subset(train.sort().values), split.subset(test.sort().values), classes


def _draw_synthetic() -> tuple[Split, Split, tuple[str, ...]]:
    """Draws 2000 and 500 noisy images of 32x32, always the same.

    Each of the 10 classes has one smooth colour pattern, which every image shifts cyclically by up to 8 pixels.
    """
    generator = torch.Generator().manual_seed(0)
    count, num_classes, side = 2500, 10, 32
    coarse = torch.randn(num_classes, 3, 5, 5, generator=generator)
    prototypes = F.interpolate(coarse, size=side, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    labels = torch.arange(count) % num_classes
    shifts = torch.randint(-8, 9, (2, count, 1), generator=generator)
    rows, columns = (torch.arange(side) + shifts) % side
    shifted = prototypes[labels[:, None, None], rows[:, :, None], columns[:, None, :]]
    noise = torch.randn(shifted.shape, generator=generator)
    images = (128 + 20 * shifted + 75 * noise).clamp(0, 255).byte()
    classes = tuple(f"pattern {label}" for label in range(num_classes))
    return Split(images[:2000], labels[:2000]), Split(images[2000:], labels[2000:]), classes


def _load_torchvision(name: str, root: Path, download: bool) -> tuple[Split, Split, tuple[str, ...]]:
    from torchvision import datasets  # slow to import

    source = getattr(datasets, TORCHVISION[name])
    if name == "svhn":
        train_part, test_part = {"split": "train"}, {"split": "test"}
    else:
        train_part, test_part = {"train": True}, {"train": False}
    try:
        train = source(root, download=download, **train_part)
        test = source(root, download=download, **test_part)
    except Exception as error:  # no network, a full disk, a broken archive: each library below has its own kind
        reason = " ".join(str(error).split())
        if download:
            raise UsageError(f"cannot download {name} to {root}: {reason}") from error
        if isinstance(error, RuntimeError):
            raise UsageError(f"{name} is not in the folder {root}: fetch it with --download") from error
        raise UsageError(f"cannot read {name} in the folder {root}: {reason}") from error
    classes = getattr(train, "classes", range(10))  # SVHN does not name its digits
    return _convert(train), _convert(test), tuple(str(label) for label in classes)


def _convert(source: object) -> Split:
    """Converts the attributes of torchvision's data set to uint8 [N, H, W, C] and int64 [N]."""
    images = torch.as_tensor(source.data)
    if images.ndim == 3:
        images = images[..., None]
    elif images.shape[1] == 3:  # SVHN is NCHW
        images = images.permute(0, 2, 3, 1)
    labels = source.labels if hasattr(source, "labels") else source.targets
    return Split(images.contiguous(), torch.as_tensor(labels, dtype=torch.int64))


def _resize_split(split: Split, side: int) -> Split:
    chunks = [_resize(images, side) for images in split.images.split(RESIZE_CHUNK)]
    return Split(torch.cat(chunks), split.labels)


def _resize(images: Tensor, side: int) -> Tensor:
    """Resizes uint8 [N, H, W, C] to uint8 [N, side, side, C], antialiased bilinear."""
    pixels = images.permute(0, 3, 1, 2).float()
    pixels = F.interpolate(pixels, size=side, mode="bilinear", antialias=True)
    pixels = pixels.round_().clamp_(0, 255).byte()
    return pixels.permute(0, 2, 3, 1).contiguous()
