"""The images of a run, as the batches that its stages ask for."""

import copy

import torch

from darts_ext.config import DataSettings
from darts_ext.data.augment import Augmentation
from darts_ext.data.batches import Batches, normalisation
from darts_ext.data.sources import load
from darts_ext.data.splits import Dataset, Split
from darts_ext.runtime.errors import UsageError

EVALUATION_BATCH = 256


class Images:
    """The data set of a run, on its device, as the batches that the stages ask for."""

    def __init__(self, settings: DataSettings, device: torch.device, seed: int):
        self.settings, self.device, self.seed = settings, device, seed
        limits = {
            "image_size": settings.image_size,
            "train_limit": settings.train_limit,
            "test_limit": settings.test_limit,
        }
        self.dataset: Dataset = load(settings.data, root=settings.data_root, download=settings.download, **limits)
        self.mean, self.std = normalisation(self.dataset.train)

    def with_seed(self, seed: int) -> "Images":
        """The same images, loaded once, for another seed."""
        other = copy.copy(self)
        other.seed = seed
        return other

    @property
    def task(self) -> dict[str, int]:
        """Arguments of a network for these images."""
        return {"num_classes": self.dataset.num_classes, "in_chans": self.dataset.in_chans}

    @property
    def statistics(self) -> dict[str, object]:
        """Pixels a side, and each channel's mean and standard deviation of values in [0, 1]: what weights trained on
        these images must be shown."""
        return {"size": self.dataset.image_size, "mean": self.mean.tolist(), "std": self.std.tolist()}

    def augmented(self, split: Split, batch_size: int, stream: str, *, whole: bool = False) -> Batches:
        """Shuffled, cropped, mirrored and cut out; full batches only, or the `whole` split with a smaller last one."""
        pad = self.dataset.image_size // 8 if self.settings.pad is None else self.settings.pad
        flip = self.dataset.flip if self.settings.flip is None else self.settings.flip
        for name, size in (("pad", pad), ("cutout", self.settings.cutout)):
            if size >= self.dataset.image_size:
                raise UsageError(
                    f"{name} must be smaller than the images, which have {self.dataset.image_size} pixels a side; it "
                    f"is {size}"
                )
        augmentation = Augmentation(pad=pad, flip=flip, cutout=self.settings.cutout)
        return self._batches(
            split,
            min(batch_size, len(split)) if whole else batch_size,
            augmentation=augmentation,
            drop_last=not whole,
            stream=stream,
        )

    def clean(self, split: Split, batch_size: int = EVALUATION_BATCH) -> Batches:
        """In order, as they are."""
        return self._batches(split, min(batch_size, len(split)), shuffle=False)

    def shuffled(self, split: Split, batch_size: int, stream: str) -> Batches:
        """Shuffled, otherwise as they are; whole batches only."""
        return self._batches(split, batch_size, drop_last=True, stream=stream)

    def _batches(self, split: Split, batch_size: int, **options) -> Batches:
        return Batches(split, batch_size, mean=self.mean, std=self.std, device=self.device, seed=self.seed, **options)
