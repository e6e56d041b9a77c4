"""What is lost, and what is right: losses by name or of one's own, on whatever targets `targets` can read."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from .errors import SelectionError
from .numerics.logits import check_logits, read_logits
from .numerics.precision import convert_to_float64
from .structures import count_samples, join, take
from .targets import infer_loss, read_numbers, shape_targets

Loss: TypeAlias = str | Callable[[Any, Any], Tensor] | None  # a name of `LOSSES`; (outputs, targets) -> mean, or [B]
Metric: TypeAlias = Callable[[Any, Any], float] | None  # (all outputs, all targets) -> a number, higher is better


def cross_entropy(logits: Tensor, y: Tensor, reduction: str) -> Tensor:
    """Returns the cross entropy in nats, of a sample its mean over positions."""
    if logits.dim() == 2:
        return F.cross_entropy(logits, y, reduction=reduction)
    return _reduce(F.cross_entropy(logits, y, reduction="none"), reduction)


def binary_cross_entropy(logits: Tensor, y: Tensor, reduction: str) -> Tensor:
    """Returns the binary cross entropy in nats, of a sample its mean over outputs."""
    return _reduce(F.binary_cross_entropy_with_logits(logits, y, reduction="none"), reduction)


def mse(outputs: Tensor, y: Tensor, reduction: str) -> Tensor:
    """Returns the squared error, of a sample its mean over outputs."""
    return _reduce(F.mse_loss(outputs, y, reduction="none"), reduction)


LOSSES = {"cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy, "mse": mse}


def compute_loss(output: object, y: Any, loss: Loss = None, reduction: str = "mean") -> Tensor:
    """Returns the loss of a network's output.

    Args:
        y: targets of its B samples.
        loss: a name of `LOSSES`, a function of one's own, or None for what the targets ask for.
        reduction: "mean" or "sum" over samples, or "none" for the loss of each sample [B].

    Raises:
        SelectionError: the targets do not fit, the outputs hold NaN, or the function returns no loss.

    >>> compute_loss(torch.zeros(2, 4), torch.tensor([0, 4]))
    Traceback (most recent call last):
    selection.errors.SelectionError: label 4 is out of range: the network has 4 logits, for labels 0 to 3
    """
    if not callable(loss):
        output = read_logits(output)
    return compute_training_loss(output, y, loss, reduction)


def compute_training_loss(output: object, y: Any, loss: Loss = None, reduction: str = "mean") -> Tensor:
    """Returns the loss as `compute_loss` does, and NaN where the outputs are: whoever trains knows what to lower."""
    if callable(loss):
        return _compute_own(loss, output, y, reduction)
    logits = check_logits(output)
    name = loss or infer_loss(logits, y)
    return LOSSES[name](logits, shape_targets(name, logits, y), reduction)


def share_right(output: object, y: Any, loss: str | None = None) -> Tensor:
    """Returns the share of each sample that is right [B]: 0 or 1, or a mean over positions or labels.

    Args:
        loss: a name of `LOSSES`, which says how the targets are read.

    Raises:
        SelectionError: nothing is right or wrong where numbers are predicted.
    """
    logits = check_logits(output)
    name = loss or infer_loss(logits, y)
    targets = shape_targets(name, logits, y)
    if name == "mse":
        raise SelectionError(
            "accuracy has no meaning where numbers are predicted: give metric=(outputs, targets) -> number, or take "
            "the loss (perturbation_loss)"
        )
    if name == "binary_cross_entropy":
        right = (logits > 0) == (targets > 0.5)
    else:
        indices = targets.argmax(1) if targets.dim() == logits.dim() else targets
        right = logits.argmax(1) == indices
    right = convert_to_float64(right)
    return right.flatten(1).mean(1) if right.dim() > 1 else right


def take_metric(metric: Any, outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Returns a metric of all batches together.

    Raises:
        SelectionError: it is no number.
    """
    value = metric(join(outputs), join(targets))
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise SelectionError(f"metric returns no number, but a {type(value).__name__}") from None


def settle_loss(loss: Loss, output: object, targets: Sequence[Any]) -> Loss:
    """Returns the loss, or the name of the one that the targets of all batches together ask for: a batch alone might
    happen to be one-hot."""
    if loss is not None:
        return loss
    return infer_loss(check_logits(output), join([read_numbers(y) for y in targets]))


def _compute_own(loss: Callable[[Any, Any], Tensor], output: Any, y: Any, reduction: str) -> Tensor:
    value = loss(output, y)
    if not isinstance(value, Tensor):
        raise SelectionError(f"loss returns a {type(value).__name__}, not a tensor: a mean, or a loss for each sample")
    if value.dim():
        return _reduce(value, reduction)
    if reduction == "mean":
        return value
    count = count_samples(y)
    if count is None:
        raise SelectionError("the targets do not say how many samples they are of: their parts differ in length")
    if reduction == "sum":
        return value * count
    singles = [slice(index, index + 1) for index in range(count)]
    return torch.stack([loss(take(output, single), take(y, single)) for single in singles])


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    """Reduces losses [B, ...]: each sample's is its mean."""
    by_sample = losses.flatten(1).mean(1) if losses.dim() > 1 else losses
    if reduction == "none":
        return by_sample
    return by_sample.mean() if reduction == "mean" else by_sample.sum()
