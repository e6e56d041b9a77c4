"""Retraining: the chosen network, from scratch, on all training images."""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from ..config import RetrainSettings
from ..data import Batches
from ..runtime.training import Average, Means, check_finite, cosine, evaluate, set_learning_rate


class Retrain:
    """The retraining stage: `run_epoch`, `state` and `load`, as `runtime.epochs` calls them.

    Args:
        net: a DiscreteNetwork, on its device.
        train: augmented training batches. train_clean: the same images without augmentation, for BatchNorm statistics
            of averaged weights.
        test: the images that the accuracy is reported on.
    """

    name = "retrain"

    def __init__(
        self, net: nn.Module, settings: RetrainSettings, train: Batches, train_clean: Batches, test: Batches, seed: int
    ):
        self.net, self.settings, self.seed = net, settings, seed
        self.train, self.train_clean, self.test = train, train_clean, test
        self.optimizer = torch.optim.SGD(
            net.parameters(), settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
        self.average = Average(
            net, settings.average, settings.ema_decay, first=int(settings.average_from * settings.epochs)
        )
        self.final = net if self.average.model is None else self.average.model.module

    def run_epoch(self, epoch: int, bar: Callable) -> dict[str, object]:
        """One pass over the training images."""
        start, settings, means = time.perf_counter(), self.settings, Means()
        rate = cosine(settings.learning_rate, 0.0, epoch, settings.epochs)
        set_learning_rate(self.optimizer, rate)
        self.net.set_drop_path(settings.drop_path * epoch / settings.epochs)
        self.net.train()
        for x, y in bar(self.train.epoch(epoch), len(self.train)):
            output = self.net(x)
            logits, auxiliary = output if isinstance(output, tuple) else (output, None)
            loss = F.cross_entropy(logits, y)
            check_finite(loss, f"epoch {epoch + 1}", "--learning_rate (--retrain.learning_rate of compare)")
            means.add(loss, logits, y)
            total = loss if auxiliary is None else loss + settings.auxiliary_weight * F.cross_entropy(auxiliary, y)
            self.optimizer.zero_grad()
            total.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), settings.clip)
            self.optimizer.step()
            self.average.after_step(epoch)
        net = self.average.after_epoch(self.train_clean.epoch(0))
        return {
            "learning_rate": rate,
            **means.row("train"),
            **evaluate(net, self.test.epoch(0), "test"),
            "seconds": time.perf_counter() - start,
        }

    def state(self) -> dict:
        """Everything that the next epoch depends on."""
        return {"net": self.net.state_dict(), "average": self.average.state(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict) -> None:
        """Goes on from `state`."""
        self.net.load_state_dict(state["net"])
        self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
