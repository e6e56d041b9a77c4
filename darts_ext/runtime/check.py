"""Numbers that cannot be, said before any work is done."""

from dataclasses import fields

from .errors import UsageError

AT_LEAST_ONE = (
    "epochs",
    "batch_size",
    "layers",
    "seeds",
    "image_size",
    "train_limit",
    "test_limit",
    "select_images",
    "width",
    "repeats",
    "images",
    "processes",
    "track_every",
    "track_images",
)
ABOVE_ZERO = (
    "learning_rate",
    "clip",
    "alpha_learning_rate",
    "tune_learning_rate_factor",
    "max_parameters",
    "max_flops",
    "max_latency",
)
NOT_NEGATIVE = (
    "learning_rate_min",
    "weight_decay",
    "alpha_weight_decay",
    "auxiliary_weight",
    "pad",
    "cutout",
    "threads",
    "seed",
    "tune_epochs",
    "track_tune_epochs",
    "population",
)
SHARES = ("momentum", "ema_decay", "average_from", "drop_path", "race")


def check_numbers(*settings: object) -> None:
    """Raises UsageError for the first field of these dataclasses that lies outside its range; a field that is None is
    left to its default.

    >>> from darts_ext.config import SearchSettings
    >>> check_numbers(SearchSettings())
    """
    for part in settings:
        for field in fields(part):
            name, value = field.name, getattr(part, field.name)
            if value is None:
                continue
            if name in AT_LEAST_ONE and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}")
            if name == "channels" and (value < 1 or (value % 2 and getattr(part, "space", None) != "mlp")):
                raise UsageError(
                    f"channels must be even and at least 2, not {value}: a skip connection of stride 2 makes its "
                    f"output in two halves"
                )
            if name in ABOVE_ZERO and not value > 0:
                raise UsageError(f"{name} must be above 0, not {value}")
            if name in NOT_NEGATIVE and value < 0:
                raise UsageError(f"{name} must not be negative, it is {value}")
            if name in SHARES and not 0 <= value < 1:
                raise UsageError(f"{name} must lie in [0, 1), not {value}")
            if name == "train_portion" and not 0 < value < 1:
                raise UsageError(f"train_portion must lie between 0 and 1, not {value}")
