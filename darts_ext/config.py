"""Every setting, as frozen dataclasses; the command line and the YAML files are made from them. Imports nothing
heavy."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunSettings:
    """Where and on what to run."""

    out: str = ""
    """Folder of the run; by default runs/COMMAND-SPACE-DATA. The same command on the same folder resumes."""
    seed: int = 0
    """Seed of weights, alphas, data order and augmentation; of `select`: of what it draws, by default the run's."""
    device: str = "auto"
    """cpu, cuda, cuda:N, or auto: a GPU if there is one."""
    threads: int = 0
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
    """What is searched; the command `spaces` lists them."""
    activations: str | None = None
    """Activations separated by commas, as relu,gelu,tanh; several are a choice on every edge with a convolution (mlp:
    of every layer). By default relu (mlp: relu,leaky_relu,sigmoid,tanh,swish)."""
    added_skip: bool | None = None
    """Whether it is a choice on those edges (mlp: from the second layer on) that their input is added to the output; by
    default only in mlp."""
    channels: int = 16
    """Channels of the first cells; mlp: width of the layers."""
    layers: int | None = None
    """Cells (DARTS spaces; 8 by default), cells per stage (nasbench201; 5 by default) or hidden layers (mlp; 4 by
    default)."""
    parametrisation: str = "standard"
    """Of mlp: standard, or ntk: weights of variance 1, scaled in the forward pass."""
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
    """first (order), finite_difference (second order as in the reference), or exact (second order by double
    backward)."""
    average: str = "none"
    """none, ema (exponential moving average of the weights), or uniform (mean of the weights after every step)."""
    ema_decay: float = 0.999
    """Of the moving average."""
    average_from: float = 0.5
    """Of uniform: the share of the epochs that pass before the mean begins."""
    track: str = ""
    """Criteria separated by commas: what they would choose while the supernet trains. As perturbation: each option
    scored once; as perturbation@progressive: edge after edge, on a copy that trains in between."""
    track_every: int = 5
    """Of track: epochs between two looks."""
    track_images: int = 1000
    """Of track: validation images."""
    track_tune_epochs: float = 0.2
    """Of track, progressive: epochs, or a share of one, that the copy trains between two decisions."""
    tensorboard: bool = False
    """Write TensorBoard events to OUT/tb (needs the extra `tensorboard`)."""


@dataclass(frozen=True)
class RetrainSettings:
    """Training of the chosen network from scratch; defaults are those of Liu et al. (2019), which are meant for a
    GPU."""

    epochs: int = 600
    """Epochs."""
    batch_size: int = 96
    """Images in a batch."""
    channels: int = 36
    """Channels of the first cells (16 is NAS-Bench-201's); mlp: width of the layers."""
    layers: int = 20
    """Cells (DARTS spaces) or cells per stage (nasbench201; 5 is the benchmark's); of mlp the genotype tells."""
    parametrisation: str = "standard"
    """Of mlp: standard, or ntk: weights of variance 1, scaled in the forward pass."""
    node_scale: float | None = None
    """Gamma, in [0, 1], of unequal fixed scales of the nodes behind every activation (mlp) or of the channels behind
    every convolution (Caron et al. 2023), so that those of small scale can be pruned: `retrain` tells what is left
    then. By default none."""
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
    average_from: float = 0.5
    """Of uniform: the share of the epochs that pass before the mean begins."""


@dataclass(frozen=True)
class SelectSettings:
    """What decides."""

    criterion: str = "perturbation"
    """What decides; the command `criteria` lists them. LIFT:MEASURE is any pair of them, A+B are several that judge
    together."""
    strategy: str | None = None
    """oneshot, progressive, sample or beam; by default what suits the criterion: beam for A+B, progressive with
    tune_epochs."""


@dataclass(frozen=True)
class SelectionSettings:
    """How it decides; an option that no strategy in use takes is refused."""

    protocol: str = "paired"
    """paired: all options on the same images, and nothing measured that is known; darts-pt: as Wang et al. (2021), on
    images shuffled and augmented anew."""
    race: float | None = None
    """Error rate at which an option may be given up before all images are seen; 0 sees them all; by default 0.05
    (paired) or 0 (darts-pt)."""
    select_images: int | None = None
    """Validation images that the criteria look at; by default the whole validation half."""
    settings: dict[str, dict] | None = None
    """Of measures, by criterion, as '{"ntk": {"images": 64}}'."""
    order: str | None = None
    """Of progressive: fixed, random, or certain (the widest gap between the best two first); by default fixed (paired)
    or random (darts-pt)."""
    joint: bool | None = None
    """Of progressive: one order over all choices; false decides one choice of each cell a round; by default true
    (paired) or false (darts-pt)."""
    tune_epochs: float = 0
    """Of progressive: epochs, or a share of one, that the supernet trains after each round (5 in DARTS-PT); undecided
    alphas learn on, unless the search had them fixed."""
    tune_learning_rate_factor: float = 0.1
    """Of tuning: its constant learning rate as a share of the search's first (0.1 in DARTS-PT)."""
    candidates: int | str | None = None
    """Of sample: how many different architectures are drawn, or all; by default 100."""
    candidate_weights: str = "supernet"
    """Of sample: supernet measures candidates with its trained weights; initial builds each as a network of its own,
    untrained (Eigen-NAS)."""
    width: int | None = None
    """Of beam: how many unfinished architectures go on; by default 10."""
    combine: str | None = None
    """Of beam and sample: how several criteria meet: minimum (beam's default), product (sample's), or lukasiewicz."""
    rescore: bool = False
    """Of beam: measure what is left at the end as whole architectures, and take the best."""
    max_parameters: float | None = None
    """Of beam and sample: most parameters, counted in the supernet's own modules."""
    max_flops: float | None = None
    """Of beam and sample: most multiply-adds for one image, in the supernet's own modules."""
    max_latency: float | None = None
    """Of beam and sample: most seconds for one batch, in the supernet's own modules on this device."""


@dataclass(frozen=True)
class CompareSettings:
    """Which criteria meet on the same supernets."""

    criteria: str = "magnitude,perturbation,ntk,parameters,random"
    """Entries separated by commas: CRITERION, or CRITERION@STRATEGY, as perturbation@progressive; tune_epochs makes
    those progressive that measure. In front may stand a supernet of `supernets` and a slash."""
    seeds: int = 3
    """Number of supernets: seeds SEED, SEED+1, ..."""
    run: str = ""
    """A run of `search` or `import`: compare on its supernet, with its data, search settings and seed, and train
    none."""
    supernets: dict[str, dict] | None = None
    """Further supernets of every seed, by what differs in their search, as '{"fixed": {"alpha": "fixed"}}';
    fixed/perturbation is perturbation on that one."""
    judge: str = "retrain"
    """retrain: every chosen network is trained from scratch; table: nothing is trained, its CIFAR-10 test accuracy is
    looked up in NAS-Bench-201."""
    population: int = 0
    """Random architectures that are trained like the chosen ones, so that training-free measures are judged by
    Kendall's tau with their accuracy."""
    measures: str = "parameters,flops,ntk_min,ntk_min_relative,ntk_condition,gradalign_1,gradalign_2,grad_norm,snip,synflow,jacob_cov"
    """Of population: measures of the untrained networks, separated by commas."""
    retrain: RetrainSettings = field(default_factory=RetrainSettings)
    """Training of the chosen networks."""


@dataclass(frozen=True)
class RankSettings:
    """Which cells of NAS-Bench-201 are scored by what; networks at initialisation, never trained."""

    measures: str = (
        "combination,parameters,flops,naswot,swap,meco,gradsign,zico,synflow,jacob_cov,ntk_min,ntk_min_relative,trainability,"
        "expressivity@noise+progressivity@noise+trainability@noise+flops"
    )
    """Measures separated by commas, among them all for every one, and combination for the shipped one. A+B+C is their
    product as ranks, minimum:A+B and lukasiewicz:A+B other t-norms; A@noise sees normal noise in place of images, as in
    AZ-NAS. More can be added to a run later."""
    candidates: int | str = 1000
    """Cells drawn at random by the seed, or all 15,625; those that compute the same are scored once."""
    repeats: int = 1
    """Initialisations of each cell."""
    initialisation: str = "he_fan_in"
    """How weights are drawn: default (torch's), he_fan_in, he_fan_out."""
    channels: int = 16
    """Channels of the first cells (16 in the benchmark)."""
    layers: int = 1
    """Cells per stage (5 in the benchmark)."""
    images: int = 32
    """Images in the batch."""
    processes: int = 1
    """Processes on this machine, one thread each."""
    cluster: str = ""
    """Address of a Dask scheduler (tcp://...) that gets the work instead; needs the extra `cluster`."""


@dataclass(frozen=True)
class ImportSettings:
    """A supernet that another code trained."""

    format: str
    """quark0 (a file with state_dict, alphas_normal, alphas_reduce), ptdarts, darts-pt (its checkpoint_*.pth.tar), or
    nasbench201 (AutoDL-Projects)."""
    batch_size: int = 64
    """Images in a batch, of tuning and of selection."""
    train_portion: float = 0.5
    """Share of the training images that trains the weights while tuning; criteria look at the rest. The halves are
    drawn here, not as the other code drew them."""
    alpha: str = "learned"
    """learned, or fixed: alphas stay as they are while tuning (DARTS-PT's variant)."""
