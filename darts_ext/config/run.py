"""Settings of every command: where and on what to run, and the images."""

from dataclasses import dataclass, field

from .ranges import AT_LEAST_ONE, NOT_NEGATIVE, SEED


@dataclass(frozen=True)
class RunSettings:
    """Where and on what to run."""

    out: str = ""
    """Folder of the run; by default runs/COMMAND-SPACE-DATA. The same command on the same folder resumes."""
    seed: int = field(default=0, metadata=SEED)
    """Seed of weights, alphas, data order and augmentation; of `select`: of what it draws, by default the run's."""
    device: str = "auto"
    """cpu, cuda, cuda:N, mps (Apple's GPU), or auto: a CUDA GPU if there is one, else the CPU."""
    threads: int = field(default=0, metadata=NOT_NEGATIVE)
    """CPU threads; 0 takes torch's default. Results are bit-identical for the same number only."""


@dataclass(frozen=True)
class DataSettings:
    """Images."""

    data: str = "digits"
    """digits (embedded), cifar10, cifar100, svhn, mnist, fashion_mnist, synthetic, or folder:DIR with DIR/train/CLASS
    and DIR/test/CLASS."""
    data_root: str = "data"
    """Folder of torchvision's data sets."""
    download: bool = False
    """Download the data set if it is not there."""
    image_size: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Resize to this many pixels a side."""
    train_limit: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Use at most so many training images, equally many of each class."""
    test_limit: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Use at most so many test images."""
    pad: int | None = field(default=None, metadata=NOT_NEGATIVE)
    """Random crop after padding by so many pixels; by default an eighth of the side."""
    flip: bool | None = None
    """Mirror images at random; by default where a mirrored image keeps its label."""
    cutout: int = field(default=0, metadata=NOT_NEGATIVE)
    """Side of the square cut out of every training image."""
