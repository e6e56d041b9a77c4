"""Image classification data: a whole set as one uint8 tensor, augmented by the batch."""

from darts_ext.data.augment import Augmentation
from darts_ext.data.batches import Batches, normalisation
from darts_ext.data.images import Images
from darts_ext.data.sources import list_data, load
from darts_ext.data.splits import Dataset, Split, halves

__all__ = ["Augmentation", "Batches", "Dataset", "Images", "Split", "halves", "list_data", "load", "normalisation"]
