"""Image classification data: a whole set as one uint8 tensor, augmented by the batch."""

from .augment import Augmentation
from .batches import ImageBatches, normalisation
from .images import Images
from .sources import list_data, load
from .splits import Dataset, Split, halves

__all__ = ["Augmentation", "Dataset", "ImageBatches", "Images", "Split", "halves", "list_data", "load", "normalisation"]
