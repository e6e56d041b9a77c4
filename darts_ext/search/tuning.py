"""Tuning: the search's training goes on between the rounds of a selection, on the network as it is decided so far (Wang
et al. 2021)."""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from ..config import SearchSettings
from ..data import Batches
from ..runtime.seed import seed_epoch
from .bilevel import Search


class Tuning(Search):
    """Trains a supernet at a constant learning rate; the optimisers are fresh at the first round, and go on from round
    to round.

    Args:
        net: a Supernet, on its device; its committed choices stay committed, because their softmax has no gradient.
        settings: of the search.
        epochs: after each round; 1.5 are one and half of another. factor: the learning rate as a share of the search's.
        train, val, val_clean, seed: see Search.
    """

    name = "tuning"
    rates = "--tune_learning_rate_factor"

    def __init__(
        self,
        net: nn.Module,
        settings: SearchSettings,
        train: Batches,
        val: Batches,
        val_clean: Batches,
        seed: int,
        *,
        epochs: float,
        factor: float,
    ):
        rate = factor * settings.learning_rate
        super().__init__(
            net,
            replace(settings, learning_rate=rate, learning_rate_min=rate, average="none", track=""),
            train,
            val,
            val_clean,
            seed,
        )
        self.epochs, self.done = epochs, 0

    def run_round(self, bar: Callable) -> None:
        """Trains the epochs of one round; `bar` wraps the iteration over the steps of each."""
        whole = int(self.epochs)
        for share in [1.0] * whole + [self.epochs - whole] * (self.epochs > whole):
            seed_epoch(self.seed, self.name, self.done)
            self.train_epoch(self.done, bar, share)
            self.done += 1

    def state(self) -> dict:
        """Everything that the next round depends on."""
        return {**super().state(), "done": self.done}

    def load(self, state: dict) -> None:
        """Goes on from `state`."""
        super().load(state)
        self.done = state["done"]
