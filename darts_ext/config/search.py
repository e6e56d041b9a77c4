"""Settings of a search, and of a supernet that another code trained."""

from dataclasses import dataclass, field

from .ranges import ABOVE_ZERO, AT_LEAST_ONE, NOT_NEGATIVE, PROPER_SHARE, SHARE, one_of
from .training import AveragingSettings, LayerSettings, SgdSettings

RELAXATIONS = ("softmax", "sigmoid", "gumbel", "gdas", "reinmax", "dirichlet", "single_path", "fair_path")


@dataclass(frozen=True)
class SupernetSettings:
    """The search space and the size of the supernet."""

    space: str = "nasbench201"
    """Search space; the command `spaces` lists them."""
    activations: str | None = None
    """Activations separated by commas, as relu,gelu,tanh; several are a choice on every edge with a convolution (mlp:
    of every layer). By default relu (mlp: relu,leaky_relu,sigmoid,tanh,swish)."""
    added_skip: bool | None = None
    """Whether it is a choice on those edges (mlp: from the second layer on) that their input is added to the output; by
    default only in mlp."""
    channels: int = field(default=16, metadata=AT_LEAST_ONE)
    """Channels of the first cells; mlp: width of the layers."""
    layers: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Cells (spaces of DARTS cells; 8 by default), cells per stage (cells as in NAS-Bench-201; 5 by default) or hidden
    layers (mlp; 4 by default)."""


@dataclass(frozen=True)
class AlphaSettings:
    """How options share an edge, and how the alphas are trained."""

    relaxation: str = field(default="softmax", metadata=one_of(*RELAXATIONS))
    """How alphas become mixing weights: softmax (DARTS), sigmoid (FairDARTS), gumbel (SNAS), gdas (one option is
    computed), reinmax, or dirichlet (DrNAS). Or single_path: each step trains one architecture, drawn at random;
    fair_path: each step trains every option once (FairNAS). Paths train weights for whole architectures, as sample and
    local measure them, and no alphas."""
    temperature: float | None = field(default=None, metadata=ABOVE_ZERO)
    """Of gumbel and gdas at the start (by default 10), and of reinmax (1)."""
    temperature_min: float | None = field(default=None, metadata=ABOVE_ZERO)
    """Of gumbel and gdas at the end (by default 0.1); linear in between."""
    zero_one: float | None = field(default=None, metadata=NOT_NEGATIVE)
    """Of sigmoid: weight of the loss that drives every option in or out (by default 10)."""
    kl: float | None = field(default=None, metadata=NOT_NEGATIVE)
    """Of dirichlet: weight of the divergence from the uniform distribution (by default 0)."""
    alpha: str = "learned"
    """learned, or fixed: alphas stay at their start (DARTS-PT's variant)."""
    alpha_learning_rate: float = field(default=3e-4, metadata=ABOVE_ZERO)
    """Learning rate of Adam on the alphas."""
    alpha_weight_decay: float = field(default=1e-3, metadata=NOT_NEGATIVE)
    """Weight decay of Adam on the alphas."""
    skip_start: float = 0.0
    """How far the alpha of adding a skip starts above that of not adding it; at 2 added skips start with weight .88,
    and deep supernets train."""
    partial_channels: int = field(default=1, metadata=AT_LEAST_ONE)
    """Options of an edge read a k-th of its channels, the rest passes by, and edges have weights of their own
    (PC-DARTS, which takes 4): a supernet of less time and memory."""
    alpha_warm_up: int = field(default=0, metadata=NOT_NEGATIVE)
    """Epochs in which weights are trained alone (PC-DARTS takes 15 of 50)."""
    skip_dropout: float = field(default=0.0, metadata=SHARE)
    """Share of the values of skip_connect that training drops in the first epoch; it decays by exp(-0.2 epoch)
    (P-DARTS)."""
    auxiliary_skip: bool = False
    """A skip connection beside every edge, whose weight falls in a line from 1 to 0 (DARTS-): what skip connections do
    for the training is no longer earned by the option."""
    beta_decay: float = field(default=0.0, metadata=NOT_NEGATIVE)
    """Weight, at the end of the training, of the mean of log sum exp of alpha in the loss of the alphas; it grows in a
    line from 0 (beta-DARTS, which takes 50)."""
    smooth: str = field(default="none", metadata=one_of("none", "random", "adversarial"))
    """Before each step of the weights move the mixing weights: random, or adversarial, to where the loss grows most
    (SmoothDARTS)."""
    smooth_radius: float = field(default=0.3, metadata=PROPER_SHARE)
    """How far, at the end of the training; it grows in a line from .03."""
    hypergradient: str = "first"
    """first (order), finite_difference (second order as in the reference), or exact (second order by double
    backward)."""


@dataclass(frozen=True)
class TrackingSettings:
    """What other criteria would choose while the supernet trains."""

    track: str = ""
    """Criteria separated by commas: what they would choose while the supernet trains. As perturbation: each option
    scored once; as perturbation@progressive: edge after edge, on a copy that trains in between."""
    track_every: int = field(default=5, metadata=AT_LEAST_ONE)
    """Epochs between two choices of the tracked criteria."""
    track_images: int = field(default=1000, metadata=AT_LEAST_ONE)
    """Validation images that the tracked criteria look at."""
    track_tune_epochs: float = field(default=0.2, metadata=NOT_NEGATIVE)
    """Epochs, or a share of one, that the copy of a tracked progressive criterion trains between two decisions."""


@dataclass(frozen=True)
class StoppingSettings:
    """When a search ends before its last epoch."""

    stop_skips: int = field(default=0, metadata=NOT_NEGATIVE)
    """End once alpha chooses so many skip connections in a (normal) cell (DARTS+, which takes 2); 0 does not."""
    curvature_every: int = field(default=0, metadata=NOT_NEGATIVE)
    """Epochs between two measurements of the dominant eigenvalue of the Hessian of the validation loss in alpha; 0
    takes none."""
    stop_curvature: float = field(default=0.0, metadata=NOT_NEGATIVE)
    """End once it has grown by this factor (RobustDARTS, which takes 1.3, and measures every second epoch); 0 does
    not."""


@dataclass(frozen=True)
class SearchSettings(
    StoppingSettings, TrackingSettings, AveragingSettings, AlphaSettings, SgdSettings, LayerSettings, SupernetSettings
):
    """The supernet and its bilevel training; defaults are those of Liu et al. (2019)."""

    epochs: int = field(default=50, metadata=AT_LEAST_ONE)
    """Epochs of the search."""
    batch_size: int = field(default=64, metadata=AT_LEAST_ONE)
    """Images in a batch, for weights and alphas alike."""
    train_portion: float = field(default=0.5, metadata=PROPER_SHARE)
    """Share of the training images that trains the weights; the rest trains the alphas."""
    learning_rate_min: float = field(default=0.001, metadata=NOT_NEGATIVE)
    """Learning rate of SGD at the end of the cosine."""
    tensorboard: bool = False
    """Write TensorBoard events to OUT/tb (needs the extra `tensorboard`)."""


@dataclass(frozen=True)
class ImportSettings:
    """A supernet that another code trained."""

    format: str
    """quark0 (a file with state_dict, alphas_normal, alphas_reduce), ptdarts, darts-pt (its checkpoint_*.pth.tar), or
    nasbench201 (AutoDL-Projects)."""
    batch_size: int = field(default=64, metadata=AT_LEAST_ONE)
    """Images in a batch, of tuning and of selection."""
    train_portion: float = field(default=0.5, metadata=PROPER_SHARE)
    """Share of the training images that trains the weights while tuning; criteria look at the rest. The halves are
    drawn here, not as the other code drew them."""
    alpha: str = "learned"
    """learned, or fixed: alphas stay as they are while tuning (DARTS-PT's variant)."""
