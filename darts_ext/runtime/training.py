"""Parts that search and retraining share: learning-rate schedule, means of an epoch, evaluation, averaged weights."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from selection import Task
from selection.numerics.precision import convert_to_float64

from .errors import UsageError

Batch = tuple[Tensor, Any]
CLASSIFICATION = Task("cross_entropy")


def cosine(start: float, end: float, epoch: int, epochs: int) -> float:
    """Returns the learning rate of an epoch (from 0) on half a cosine (Loshchilov & Hutter 2017).

    >>> cosine(0.025, 0.001, 0, 50), round(cosine(0.025, 0.001, 25, 50), 6)
    (0.025, 0.013)
    """
    return end + (start - end) * (1 + math.cos(math.pi * epoch / epochs)) / 2


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


class Means:
    """Mean loss, and accuracy (per cent) where the task has one, over batches; the sums stay on the device until `row`
    reads them."""

    def __init__(self, task: Task = CLASSIFICATION) -> None:
        self.task = task
        self.count = 0
        self.sums: Tensor | None = None  # of losses and of correct predictions

    def add(self, loss: Tensor, x: Tensor, output: object, y: Any) -> None:
        """Adds a batch by its mean loss, its inputs, the network's output and its targets."""
        parts = [convert_to_float64(loss.detach()) * len(x)]
        if self.task.has_accuracy:
            parts.append(self.task.count_right(output, y))
        sums = torch.stack(parts)
        self.sums = sums if self.sums is None else self.sums + sums
        self.count += len(x)

    def row(self, prefix: str) -> dict[str, float]:
        """Returns {prefix_loss, prefix_accuracy}."""
        loss, *share = (self.sums / self.count).tolist()
        row = {f"{prefix}_loss": loss}
        if share:
            row[f"{prefix}_accuracy"] = 100 * share[0]
        return row


@torch.no_grad()
def evaluate(net: nn.Module, batches: Iterable[Batch], prefix: str, task: Task = CLASSIFICATION) -> dict[str, float]:
    """Computes loss and accuracy, or the task's metric, in eval mode (running BatchNorm statistics); the net's mode is
    left as it was."""
    training = net.training
    means = Means(task)
    outputs = []
    targets = []
    net.eval()
    for x, y in batches:
        output = net(x)
        means.add(task.compute_loss(output, y), x, output, y)
        if task.metric is not None:
            outputs.append(output)
            targets.append(y)
    net.train(training)
    row = means.row(prefix)
    if task.metric is not None:
        row[f"{prefix}_metric"] = task.take_metric(outputs, targets)
    return row


def check_finite(loss: Tensor, where: str, lower: str) -> None:
    """Raises UsageError if the loss is not finite; `lower` names the settings that would help if they were lower."""
    if not loss.is_meta and not torch.isfinite(loss):
        raise UsageError(
            f"the loss became {float(loss.detach())} in {where}: lower {lower}; the last good checkpoint is kept"
        )


class Average:
    """A running average of a network's weights after every step.

    The uniform mean of the iterates of SGD at a constant rate is what reaches the optimal rate in the NTK regime
    (Nitanda & Suzuki 2021, algorithm 1). BatchNorm statistics of the averaged network are computed anew from training
    batches before it is used, because averages of the networks' statistics would not fit the averaged weights.

    Args:
        kind: "ema" averages exponentially from the first step on, "uniform" with equal weights from epoch `first` on;
            "none" keeps no average.
        decay: of "ema".
        first: epoch with which "uniform" begins; until then the network itself is evaluated.
    """

    def __init__(self, net: nn.Module, kind: str, decay: float, first: int = 0):
        if kind not in ("none", "ema", "uniform"):
            raise UsageError(f"average is none, ema or uniform, not {kind!r}")
        self.net = net
        self.kind = kind
        self.first = first
        self.model: AveragedModel | None = None
        if kind == "ema":
            self.model = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay))
        elif kind == "uniform":
            self.model = AveragedModel(net)

    def after_step(self, epoch: int) -> None:
        """Adds the current weights to the average."""
        if self.kind == "ema" or (self.kind == "uniform" and epoch >= self.first):
            self.model.update_parameters(self.net)

    def after_epoch(self, batches: Iterable[Batch]) -> nn.Module:
        """Returns the network to evaluate; `batches` give an averaged one its BatchNorm statistics."""
        if self.model is None or not self.model.n_averaged:
            return self.net
        if hasattr(self.net, "arch_parameters"):  # weights are averaged, alphas are not
            with torch.no_grad():
                for averaged, live in zip(self.model.module.arch_parameters(), self.net.arch_parameters()):
                    averaged.copy_(live)
        update_bn(batches, self.model)
        return self.model.module

    def state(self) -> dict:
        """Returns the tensors of the average."""
        return {} if self.model is None else self.model.state_dict()

    def load(self, state: dict) -> None:
        """Restores what `state` returned."""
        if self.model is not None:
            self.model.load_state_dict(state)
