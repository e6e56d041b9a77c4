"""The user's own task: a loss and a metric, handed to the measures that look at targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .batches import Batches
from .errors import SelectionError, unknown
from .losses import LOSSES, Loss, Metric, compute_training_loss, settle_loss, share_right, take_metric
from .numerics.logits import check_logits
from .protocol import SelectableModule
from .registry import Measure
from .structures import join
from .targets import describe_reading, read_numbers


@dataclass(frozen=True)
class Task:
    """What is lost and what is right in the user's own task.

    Args:
        loss: a name of `losses.LOSSES`, or (outputs, targets) -> mean over samples, or [B]; None for what the targets
            ask for.
        metric: (outputs, targets) -> number, higher is better; None for the accuracy.

    Raises:
        SelectionError: they are something else.
    """

    loss: Loss = None
    metric: Metric = None

    def __post_init__(self) -> None:
        if isinstance(self.loss, str) and self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if not isinstance(self.loss, str) and not _is_function(self.loss):
            raise SelectionError(
                f"loss is one of {', '.join(LOSSES)} or a function (outputs, targets) -> mean, not "
                f"{_describe(self.loss)}"
            )
        if getattr(self.loss, "reduction", "mean") == "sum":
            raise SelectionError("loss is a mean over samples: give reduction='mean' instead of 'sum'")
        if not _is_function(self.metric):
            raise SelectionError(
                f"metric is a function (outputs, targets) -> number, higher is better, not {_describe(self.metric)}"
            )

    @property
    def has_accuracy(self) -> bool:
        """Whether outputs are right or wrong: a loss of one's own does not say so, and numbers are neither."""
        return self.metric is None and self.loss in (None, "cross_entropy", "binary_cross_entropy")

    def compute_loss(self, output: object, y: Any) -> Tensor:
        """Returns the mean loss over the samples."""
        return compute_training_loss(output, y, self.loss)

    def count_right(self, output: object, y: Any) -> Tensor:
        """Returns how many samples are right, in float64."""
        return share_right(output, y, self.loss if isinstance(self.loss, str) else None).sum()

    def take_metric(self, outputs: Sequence[Any], targets: Sequence[Any]) -> float:
        """Returns the metric of all batches together.

        Raises:
            SelectionError: it is no number.
        """
        return take_metric(self.metric, outputs, targets)

    def give(self, measure: Measure) -> Measure:
        """Returns the measure with the loss and the metric that it takes, where they are not fixed already.

        What takes a metric judges by that: a loss of one's own is nothing to it, but the name of one says how it is to
        read the targets.
        """
        open_settings = (measure.settings or frozenset()) - set(measure.fixed)
        given: dict[str, object] = {}
        if "metric" in open_settings and self.metric is not None:
            given["metric"] = self.metric
        takes_loss = isinstance(self.loss, str) or "metric" not in (measure.settings or ())
        if "loss" in open_settings and self.loss is not None and takes_loss:
            given["loss"] = self.loss
        return measure.with_settings(given) if given else measure


def task_of(net: SelectableModule) -> Task:
    """Returns the task that a network comes with."""
    return net.task() if hasattr(net, "task") and not isinstance(net.task, nn.Module) else Task()


def settle_targets(measure: Measure, output: object, batches: Batches) -> tuple[Measure, list[str]]:
    """Returns the measure, which reads the targets of every batch in the same way, and a note on how, if that is not as
    labels.

    Args:
        output: the network's, for any number of images.
    """
    known = measure.settings or frozenset()
    if "loss" not in known or measure.fixed.get("metric") is not None:
        return measure, []
    targets = [y for _, y in batches]
    loss = settle_loss(measure.fixed.get("loss"), output, targets)
    if not isinstance(loss, str):
        return measure, []
    note = describe_reading(loss, check_logits(output), join([read_numbers(y) for y in targets]))
    return measure.with_settings({"loss": loss}), [note] if note else []


def _is_function(value: object) -> bool:
    """Whether this is None or a function; a class is one that makes it."""
    return value is None or (callable(value) and not isinstance(value, type))


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, type):
        return f"the class {value.__name__}: give an instance, {value.__name__}()"
    return f"an object of type {type(value).__name__}"
