"""The criteria that have a name: a lift and the measure it lifts."""

from . import lifts, measures  # noqa: F401  (registers them)
from .registry import register_criterion

register_criterion("magnitude", "magnitude", None, "softmax(alpha): vanilla DARTS")
register_criterion("random", "random", None, "uniform numbers: the baseline that reads nothing")
register_criterion(
    "parameters", "size", None, "the option with the most parameters: the baseline that reads only sizes"
)
register_criterion(
    "residual", "residual", None, "every added skip, first activations, largest operations: the baseline of plain depth"
)
register_criterion(
    "perturbation", "removal", "accuracy", "validation accuracy that is lost when the option is removed (DARTS-PT)"
)
register_criterion(
    "perturbation_loss", "removal", "loss", "validation loss that is gained when the option is removed (DARTS-PT, loss)"
)
register_criterion(
    "ntk",
    "alone",
    "ntk_min",
    "smallest eigenvalue of the neural tangent kernel when the option alone stays, edge after edge",
    "progressive",
)
register_criterion(
    "taylor",
    "taylor",
    "loss",
    "validation loss that is gained, to first order, when the option is removed: one backward pass for all options",
)
