"""Retraining: the chosen network is trained from scratch on all training images."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from selection import Task
from selection.losses import Loss, Metric

from ..config import RetrainSettings
from ..data import ImageBatches
from ..runtime.training import Average, Means, check_finite, cosine, evaluate, set_learning_rate


class Retrain:
    """The retraining stage: `run_epoch`, `state` and `load`, as `runtime.epochs` calls them.

    Args:
        net: a DiscreteNetwork, on its device.
        settings: learning rates and the like.
        train: augmented training batches.
        train_clean: the same images without augmentation, for BatchNorm statistics of averaged weights.
        test: the images that the accuracy is reported on.
        seed: of the run.
        loss, metric: of one's own task, see `selection.Task`; the row then has test_metric instead of test_accuracy.
    """

    name = "retrain"

    def __init__(
        self,
        net: nn.Module,
        settings: RetrainSettings,
        train: ImageBatches,
        train_clean: ImageBatches,
        test: ImageBatches,
        seed: int,
        *,
        loss: Loss = "cross_entropy",
        metric: Metric = None,
    ):
        self.net = net
        self.task = Task(loss, metric)
        self.settings = settings
        self.seed = seed
        self.train = train
        self.train_clean = train_clean
        self.test = test
        self.optimizer = torch.optim.SGD(
            net.parameters(), settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
        self.average = Average(
            net, settings.average, settings.ema_decay, first=int(settings.average_from * settings.epochs)
        )
        self.final = net if self.average.model is None else self.average.model.module

    def run_epoch(self, epoch: int, bar: Callable) -> dict[str, object]:
        """Trains for one pass over the training images, and returns the row of the summary."""
        start = time.perf_counter()
        settings = self.settings
        means = Means(self.task)
        rate = cosine(settings.learning_rate, 0.0, epoch, settings.epochs)
        set_learning_rate(self.optimizer, rate)
        self.net.set_drop_path(settings.drop_path * epoch / settings.epochs)
        self.net.train()
        for x, y in bar(self.train.epoch(epoch), len(self.train)):
            loss, logits = self._step(x, y, epoch)
            means.add(loss, x, logits, y)
        net = self.average.after_epoch(self.train_clean.epoch(0))
        return {
            "learning_rate": rate,
            **means.row("train"),
            **evaluate(net, self.test.epoch(0), "test", self.task),
            "seconds": time.perf_counter() - start,
        }

    def _step(self, x: Tensor, y: Any, epoch: int) -> tuple[Tensor, Tensor]:
        """Makes a step of SGD; returns loss and logits of the batch before it, those of the main head."""
        output = self.net(x)
        logits, auxiliary = output if isinstance(output, tuple) else (output, None)
        loss = self.task.compute_loss(logits, y)
        check_finite(loss, f"epoch {epoch + 1}", "--learning_rate (--retrain.learning_rate of compare)")
        total = loss
        if auxiliary is not None:
            total = loss + self.settings.auxiliary_weight * self.task.compute_loss(auxiliary, y)
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        self.optimizer.step()
        self.average.after_step(epoch)
        return loss, logits

    def state(self) -> dict:
        """Returns everything that the next epoch depends on."""
        return {"net": self.net.state_dict(), "average": self.average.state(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict) -> None:
        """Restores what `state` returned."""
        self.net.load_state_dict(state["net"])
        self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
