"""Settings that search and retraining share."""

from dataclasses import dataclass, field

from .ranges import ABOVE_ZERO, NOT_NEGATIVE, SHARE


@dataclass(frozen=True)
class SgdSettings:
    """SGD on the weights; defaults are those of Liu et al. (2019)."""

    learning_rate: float = field(default=0.025, metadata=ABOVE_ZERO)
    """Learning rate of SGD in the first epoch; falls along a cosine."""
    momentum: float = field(default=0.9, metadata=SHARE)
    """Momentum of SGD."""
    weight_decay: float = field(default=3e-4, metadata=NOT_NEGATIVE)
    """Weight decay of SGD."""
    clip: float = field(default=5.0, metadata=ABOVE_ZERO)
    """Largest norm of the weights' gradient."""


@dataclass(frozen=True)
class AveragingSettings:
    """Averages of the weights, which are evaluated and kept in place of the last ones."""

    average: str = "none"
    """none, ema (exponential moving average of the weights), or uniform (mean of the weights after every step)."""
    ema_decay: float = field(default=0.999, metadata=SHARE)
    """Decay of the exponential moving average."""
    average_from: float = field(default=0.5, metadata=SHARE)
    """Share of the epochs that pass before the uniform mean begins."""


@dataclass(frozen=True)
class LayerSettings:
    """How fully-connected layers are parametrised."""

    parametrisation: str = "standard"
    """Parametrisation of mlp: standard, or ntk: weights of variance 1, scaled in the forward pass."""
