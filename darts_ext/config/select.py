"""Settings of a selection: which criterion decides, and how."""

from dataclasses import dataclass, field

from .ranges import ABOVE_ZERO, AT_LEAST_ONE, NOT_NEGATIVE, SHARE, one_of

WEIGHTS = ("supernet", "initial", "he_fan_in", "he_fan_out")


def _part_of(option: str, **metadata: object) -> dict[str, object]:
    """Returns the metadata of a setting that is handed to a strategy as part of its option of that name."""
    return {"option": option, **metadata}


@dataclass(frozen=True)
class CriterionSettings:
    """What decides."""

    criterion: str = "perturbation"
    """What decides; the command `criteria` lists them. LIFT:MEASURE is any pair of them, A+B are several that judge
    together."""
    strategy: str | None = None
    """oneshot, progressive, sample, local or beam; by default what suits the criterion: beam for A+B, progressive with
    tune_epochs."""


@dataclass(frozen=True)
class MeasuringSettings:
    """How the network is measured; for every strategy."""

    protocol: str = "paired"
    """paired: all options on the same images, and nothing measured that is known; darts-pt: as Wang et al. (2021), on
    images shuffled and augmented anew."""
    race: float | None = field(default=None, metadata=SHARE)
    """Error rate at which an option may be given up before all images are seen; 0 sees them all; by default 0.05
    (paired) or 0 (darts-pt)."""
    select_images: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Validation images that the criteria look at; by default the whole validation half."""
    settings: dict[str, dict] | None = None
    """Settings of measures, by criterion, as '{"ntk": {"images": 64}}'."""


@dataclass(frozen=True)
class StrategySettings(MeasuringSettings):
    """How it decides; an option that no strategy in use takes is refused.

    A field is the option of a strategy that has its name, or that its metadata names.
    """

    order: str | None = None
    """Of progressive: fixed, random, or certain (the widest gap between the best two first); by default fixed (paired)
    or random (darts-pt)."""
    joint: bool | None = None
    """Of progressive: one order over all choices; false decides one choice of each kind of cell (normal, reduce) a
    round; by default true (paired) or false (darts-pt)."""
    tune_epochs: float = field(default=0, metadata=_part_of("tune", **NOT_NEGATIVE))
    """Of progressive: epochs, or a share of one, that the supernet trains after each round (5 in DARTS-PT); undecided
    alphas learn on, unless the search had them fixed."""
    tune_learning_rate_factor: float = field(default=0.1, metadata=_part_of("tune", **ABOVE_ZERO))
    """Of progressive: the constant learning rate of tuning as a share of the search's first (0.1 in DARTS-PT)."""
    start: str | None = None
    """Of local: the criterion that chooses where the search begins, or the file of a genotype; by default
    parameters."""
    radius: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Of local: in how many decisions the result may differ from the start; by default 1."""
    step: str | None = None
    """Of local: best goes to the best neighbour, first to the first that is better; by default best."""
    candidates: int | str | None = None
    """Of sample and local: how many different architectures are drawn, or all (sample; by default 100), or measured at
    most (local)."""
    candidate_weights: str = field(default="supernet", metadata=_part_of("build", **one_of(*WEIGHTS)))
    """Of sample and local: supernet measures candidates with its trained weights; the others build each as a network of
    its own, untrained (Eigen-NAS), with weights as torch draws them (initial), or He et al. (he_fan_in, as AZ-NAS, or
    he_fan_out)."""
    draws: int = field(default=1, metadata=_part_of("build", **AT_LEAST_ONE))
    """Of sample and local: untrained networks of each candidate, from other weights, shown other images; candidates are
    ordered by the mean of their ranks."""
    shortlist: int | None = None
    """Of sample and local: how many of the best are judged again by `then`; by default 20."""
    then: str | None = None
    """Of sample and local: who judges the shortlist again, and decides: a criterion; training, briefly, with the better
    half going on; or table, the 12-epoch validation accuracy in NAS-Bench-201."""
    then_weights: str | None = field(default=None, metadata=_part_of("then_build", **one_of(*WEIGHTS)))
    """Of sample and local: weights of the networks that a criterion judges again; by default as candidate_weights."""
    brief_epochs: int = field(default=4, metadata=_part_of("then", **AT_LEAST_ONE))
    """Of sample and local: epochs of each round of brief training, on half a cosine."""
    brief_rounds: int = field(default=2, metadata=_part_of("then", **AT_LEAST_ONE))
    """Of sample and local: rounds of brief training; after each the better half goes on (successive halving)."""
    brief_images: int | None = field(default=None, metadata=_part_of("then", **AT_LEAST_ONE))
    """Of sample and local: images of brief training, of those that train the supernet's weights; by default all."""
    processes: int = field(default=1, metadata=_part_of("spread", **AT_LEAST_ONE))
    """Of sample and local: processes that measure untrained candidates and train briefly, one thread each."""
    width: int | None = field(default=None, metadata=AT_LEAST_ONE)
    """Of beam: how many unfinished architectures go on; by default 10."""
    combine: str | None = None
    """Of beam, sample and local: how several criteria meet: minimum (beam's default), product (of the others), or
    lukasiewicz."""
    rescore: bool = False
    """Of beam: measure what is left at the end as whole architectures, and take the best."""
    max_parameters: float | None = field(default=None, metadata=_part_of("limits", **ABOVE_ZERO))
    """Of beam, sample and local: most parameters, counted in the supernet's own modules."""
    max_flops: float | None = field(default=None, metadata=_part_of("limits", **ABOVE_ZERO))
    """Of beam, sample and local: most multiply-adds for one image, in the supernet's own modules."""
    max_latency: float | None = field(default=None, metadata=_part_of("limits", **ABOVE_ZERO))
    """Of beam, sample and local: most seconds for one batch, in the supernet's own modules on this device."""
