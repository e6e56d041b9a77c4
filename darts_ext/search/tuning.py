"""Tuning: training of a partly decided supernet between the rounds of a selection (Wang et al. 2021)."""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from selection.losses import Loss, Metric

from ..config import SearchSettings
from ..data import ImageBatches
from ..runtime.seed import seed_epoch
from .bilevel import Search


class Tuning(Search):
    """The search's training, gone on with at a constant learning rate.

    The optimisers are fresh at the first round, and go on from round to round.

    Args:
        net: a Supernet, on its device; its committed choices stay committed, because their softmax has no gradient.
        settings: of the search.
        train, val, val_clean, seed, loss, metric: see Search.
        epochs: trained in each round; 1.5 is one epoch and half of another.
        factor: the learning rate as a share of the search's.
    """

    name = "tuning"
    rates = "--tune_learning_rate_factor"

    def __init__(
        self,
        net: nn.Module,
        settings: SearchSettings,
        train: ImageBatches,
        val: ImageBatches,
        val_clean: ImageBatches,
        seed: int,
        *,
        epochs: float,
        factor: float,
        loss: Loss = "cross_entropy",
        metric: Metric = None,
    ):
        rate = factor * settings.learning_rate
        rates = {"learning_rate": rate, "learning_rate_min": rate, "alpha_warm_up": 0, "skip_dropout": 0.0}
        constant = replace(settings, **rates, average="none", track="", smooth="none", beta_decay=0.0)
        super().__init__(net, constant, train, val, val_clean, seed, loss=loss, metric=metric)
        self.epochs = epochs
        self.done = 0  # epochs of all rounds so far

    def run_round(self, bar: Callable) -> None:
        """Trains the epochs of one round; `bar(steps, total)` wraps the iteration over the steps of each."""
        full_epochs = int(self.epochs)
        shares = [1.0] * full_epochs
        if self.epochs > full_epochs:
            shares.append(self.epochs - full_epochs)
        for share in shares:
            seed_epoch(self.seed, self.name, self.done)
            self.train_epoch(self.done, bar, share)
            self.done += 1

    def progress_at(self, epoch: int) -> float:
        """Returns 1: the search is over."""
        return 1.0

    def state(self) -> dict:
        """Returns everything that the next round depends on."""
        return {**super().state(), "done": self.done}

    def load(self, state: dict) -> None:
        """Restores what `state` returned."""
        super().load(state)
        self.done = state["done"]
