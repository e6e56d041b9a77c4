"""The data set of a run, cut into the batches that its stages ask for."""

import copy

import torch

from ..config import DataSettings
from ..runtime.errors import UsageError
from .augment import Augmentation
from .batches import ImageBatches, normalisation
from .sources import load
from .splits import Dataset, Split

EVALUATION_BATCH = 256


class Images:
    """The data set of a run, and the batches of its splits on the run's device."""

    def __init__(self, settings: DataSettings, device: torch.device, seed: int):
        self.settings = settings
        self.device = device
        self.seed = seed
        self.dataset: Dataset = load(
            settings.data,
            root=settings.data_root,
            download=settings.download,
            image_size=settings.image_size,
            train_limit=settings.train_limit,
            test_limit=settings.test_limit,
        )
        self.mean, self.std = normalisation(self.dataset.train)

    def with_seed(self, seed: int) -> "Images":
        """Returns these images, not loaded again, for another seed."""
        other = copy.copy(self)
        other.seed = seed
        return other

    @property
    def task(self) -> dict[str, int]:
        """Arguments of a network for these images."""
        return {"num_classes": self.dataset.num_classes, "in_chans": self.dataset.in_chans}

    @property
    def statistics(self) -> dict[str, object]:
        """Pixels a side, and each channel's mean and standard deviation of values in [0, 1].

        Weights trained on these images must be shown others of the same size and normalisation.
        """
        return {"size": self.dataset.image_size, "mean": self.mean.tolist(), "std": self.std.tolist()}

    def augmented(self, split: Split, batch_size: int, stream: str, *, whole: bool = False) -> ImageBatches:
        """Returns batches of shuffled, cropped, mirrored and cut-out images.

        All are full, so that a rest is left out; with `whole` the last one holds the rest.
        """
        pad = self.dataset.image_size // 8 if self.settings.pad is None else self.settings.pad
        flip = self.dataset.flip if self.settings.flip is None else self.settings.flip
        for name, size in (("pad", pad), ("cutout", self.settings.cutout)):
            if size >= self.dataset.image_size:
                raise UsageError(
                    f"{name} must be smaller than the images, which have {self.dataset.image_size} pixels a side; it "
                    f"is {size}"
                )
        augmentation = Augmentation(pad=pad, flip=flip, cutout=self.settings.cutout)
        if whole:
            batch_size = min(batch_size, len(split))
        return self._batches(split, batch_size, augmentation=augmentation, drop_last=not whole, stream=stream)

    def clean(self, split: Split, batch_size: int = EVALUATION_BATCH) -> ImageBatches:
        """Returns batches of the images as they are, in order."""
        return self._batches(split, min(batch_size, len(split)), shuffle=False)

    def shuffled(self, split: Split, batch_size: int, stream: str) -> ImageBatches:
        """Returns full batches of the images as they are, shuffled."""
        return self._batches(split, batch_size, drop_last=True, stream=stream)

    def _batches(self, split: Split, batch_size: int, **options) -> ImageBatches:
        return ImageBatches(
            split, batch_size, mean=self.mean, std=self.std, device=self.device, seed=self.seed, **options
        )
