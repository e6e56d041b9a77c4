"""Settings of a comparison."""

from dataclasses import dataclass, field

from .ranges import AT_LEAST_ONE, NOT_NEGATIVE
from .retrain import RetrainSettings


@dataclass(frozen=True)
class CompareSettings:
    """Which criteria meet on the same supernets."""

    criteria: str = "magnitude,perturbation,ntk,parameters,random"
    """Entries separated by commas: CRITERION, or CRITERION@STRATEGY, as perturbation@progressive; tune_epochs makes
    those progressive that measure. In front may stand a supernet of `supernets` and a slash. Where added skips are
    choices the default has residual, too."""
    seeds: int = field(default=3, metadata=AT_LEAST_ONE)
    """Number of supernets: seeds SEED, SEED+1, ..."""
    run: str = ""
    """A run of `search` or `import`: compare on its supernet, with its data, search settings and seed, and train
    none."""
    supernets: dict[str, dict] | None = None
    """Further supernets of every seed, by what differs in their search, as '{"fixed": {"alpha": "fixed"}}';
    fixed/perturbation is perturbation on that one, */perturbation on each. If criteria meet all of several, the report
    says how much the training explains, and how much the selector."""
    judge: str = "retrain"
    """retrain: every chosen network is trained from scratch; table: nothing is trained, what it reaches is looked up in
    NAS-Bench-201, or, of space transnas101, in TransNAS-Bench-101."""
    task: str = ""
    """Of judge table: whose score is the test accuracy: cifar10 (by default), cifar100 or in16; in TransNAS-Bench-101
    class_scene (by default), class_object, jigsaw, autoencoder, normal, room_layout or segmentsemantic."""
    population: int = field(default=0, metadata=NOT_NEGATIVE)
    """Random architectures that are trained like the chosen ones, so that training-free measures are judged by
    Kendall's tau with their accuracy."""
    measures: str = (
        "parameters,flops,ntk_min,ntk_min_relative,ntk_condition,gradalign_1,gradalign_2,grad_norm,snip,synflow,"
        "jacob_cov"
    )
    """Measures of the untrained networks of the population, separated by commas."""
    retrain: RetrainSettings = field(default_factory=RetrainSettings)
    """Training of the chosen networks."""
