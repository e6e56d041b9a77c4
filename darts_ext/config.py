"""Every setting, as frozen dataclasses; the command line and the YAML files are made from them. Imports nothing heavy."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunSettings:
    """Where and on what to run."""

    out: str = ""
    """Folder of the run; by default runs/COMMAND-SPACE-DATA. The same command on the same folder resumes."""
    seed: int = 0
    """Seed of weights, alphas, data order and augmentation."""
    device: str = "auto"
    """cpu, cuda, cuda:N, or auto: a GPU if there is one."""
    threads: int = 0
    """CPU threads; 0 takes torch's default. Results are bit-identical for the same number only."""


@dataclass(frozen=True)
class DataSettings:
    """Images."""

    data: str = "digits"
    """digits (embedded), cifar10, cifar100, svhn, mnist, fashion_mnist, synthetic, or folder:DIR with DIR/train/CLASS and DIR/test/CLASS."""
    data_root: str = "data"
    """Folder of torchvision's data sets."""
    download: bool = False
    """Download the data set if it is not there."""
    image_size: int | None = None
    """Resize to this many pixels a side."""
    train_limit: int | None = None
    """Use at most so many training images, equally many of each class."""
    test_limit: int | None = None
    """Use at most so many test images."""
    pad: int | None = None
    """Random crop after padding by so many pixels; by default an eighth of the side."""
    flip: bool | None = None
    """Mirror images at random; by default where a mirrored image keeps its label."""
    cutout: int = 0
    """Side of the square cut out of every training image."""


@dataclass(frozen=True)
class SearchSettings:
    """The supernet and its bilevel training; defaults are those of Liu et al. (2019)."""

    space: str = "nasbench201"
    """What is searched; `run_darts.py spaces` lists them."""
    channels: int = 16
    """Channels of the first cells."""
    layers: int | None = None
    """Cells (DARTS spaces; 8 by default) or cells per stage (nasbench201; 5 by default)."""
    epochs: int = 50
    """Epochs of the search."""
    batch_size: int = 64
    """Images in a batch, for weights and alphas alike."""
    train_portion: float = 0.5
    """Share of the training images that trains the weights; the rest trains the alphas."""
    learning_rate: float = 0.025
    """Of SGD on the weights; falls along a cosine."""
    learning_rate_min: float = 0.001
    """Where the cosine ends."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 3e-4
    """Of SGD."""
    clip: float = 5.0
    """Largest norm of the weights' gradient."""
    alpha: str = "learned"
    """learned, or fixed: alphas stay at their start (DARTS-PT's variant)."""
    alpha_learning_rate: float = 3e-4
    """Of Adam on the alphas."""
    alpha_weight_decay: float = 1e-3
    """Of Adam on the alphas."""
    hypergradient: str = "first"
    """first (order), finite_difference (second order as in the reference), or exact (second order by double backward)."""
    average: str = "none"
    """none, ema (exponential moving average of the weights), or uniform (mean of all epochs' last weights)."""
    ema_decay: float = 0.999
    """Of the moving average."""
    tensorboard: bool = False
    """Write TensorBoard events to OUT/tb (needs the extra `tensorboard`)."""


@dataclass(frozen=True)
class RetrainSettings:
    """Training of the chosen network from scratch; defaults are those of Liu et al. (2019), which are meant for a GPU."""

    epochs: int = 600
    """Epochs."""
    batch_size: int = 96
    """Images in a batch."""
    channels: int = 36
    """Channels of the first cells (16 is NAS-Bench-201's)."""
    layers: int = 20
    """Cells (DARTS spaces) or cells per stage (nasbench201; 5 is the benchmark's)."""
    learning_rate: float = 0.025
    """Of SGD; falls to zero along a cosine."""
    momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 3e-4
    """Of SGD."""
    clip: float = 5.0
    """Largest norm of the gradient."""
    auxiliary_weight: float = 0.0
    """Weight of the auxiliary head's loss; 0 builds none (0.4 in the paper)."""
    drop_path: float = 0.0
    """Drop-path rate reached at the last epoch (0.2 in the paper)."""
    average: str = "none"
    """none, ema or uniform: the weights that are evaluated and kept."""
    ema_decay: float = 0.999
    """Of the moving average."""


@dataclass(frozen=True)
class SelectSettings:
    """How an architecture is chosen."""

    criterion: str = "perturbation"
    """What decides; `run_darts.py criteria` lists them."""
    strategy: str | None = None
    """oneshot, or progressive: edge after edge; by default the one that the criterion is meant for."""
    select_images: int | None = None
    """Validation images that the criteria look at; by default the whole validation half."""


@dataclass(frozen=True)
class CompareSettings:
    """Which criteria meet on the same supernets."""

    criteria: str = "magnitude,perturbation,ntk,parameters,random"
    """Names separated by commas."""
    seeds: int = 3
    """Number of supernets: seeds SEED, SEED+1, ..."""
    select_images: int | None = None
    """Validation images that the criteria look at; by default the whole validation half."""
    retrain: RetrainSettings = field(default_factory=RetrainSettings)
    """Training of the chosen networks."""
