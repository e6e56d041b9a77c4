"""What other criteria than alpha would choose while a supernet trains."""

from collections.abc import Callable
from copy import deepcopy
from itertools import islice

from torch import Tensor, nn

from selection import SelectionError, measure, select
from selection.registry import find_criterion
from supernet import Genotype

from ..config import SearchSettings
from ..data import Batches
from ..runtime.errors import unknown
from .tuning import Tuning

BATCH = 64
FACTOR = 0.1  # of the learning rate, when a copy is tuned (Wang et al. 2021)
STRATEGIES = ("oneshot", "progressive")
Judge = Callable[[Genotype], dict[str, float]]


class Tracker:
    """Criteria, each CRITERION or CRITERION@STRATEGY, and what they see.

    Args:
        settings: of the search. train, val, val_clean, seed: see Search. judge: what is known of a genotype, as columns
            of the epoch's row.

    Raises:
        SelectionError, UsageError: an unknown criterion or strategy.
    """

    def __init__(
        self, settings: SearchSettings, train: Batches, val: Batches, val_clean: Batches, seed: int, judge: Judge
    ):
        self.settings, self.seed, self.judge, self.halves = settings, seed, judge, (train, val, val_clean)
        self.tracked = [_read(name.strip()) for name in settings.track.split(",") if name.strip()]

    def picks(self, net: nn.Module, epoch: int) -> dict[str, object]:
        """{"pick:NAME": its genotype as text, and what `judge` knows of it}, after every few epochs and the last; the
        network stays as it was."""
        if (epoch + 1) % self.settings.track_every and epoch + 1 < self.settings.epochs:
            return {}
        row: dict[str, object] = {}
        for name, criterion, strategy in self.tracked:
            genotype = self._chosen(net, criterion, strategy)
            row[f"pick:{name}"] = genotype.to_text()
            row |= {f"{column}:{name}": value for column, value in self.judge(genotype).items()}
        return row

    def try_out(self, net: nn.Module) -> None:
        """Raises SelectionError for a criterion whose measure cannot be taken of the supernet."""
        for _, criterion, _ in self.tracked:
            name = find_criterion(criterion).measure
            if name:
                measure(name, net, *_first(self.halves[-1], 1)[0])

    def _chosen(self, net: nn.Module, criterion: str, strategy: str) -> Genotype:
        batches = _first(self.halves[-1], self.settings.track_images)
        if strategy == "progressive":
            net = deepcopy(net)
            tuning = Tuning(
                net, self.settings, *self.halves, self.seed, epochs=self.settings.track_tune_epochs, factor=FACTOR
            )
            made = select(
                net,
                criterion,
                strategy,
                batches=batches,
                seed=self.seed,
                tune=lambda _: tuning.run_round(lambda steps, _: steps),
            )
        else:
            made = select(net, criterion, strategy, batches=batches, seed=self.seed)
        return net.genotype(made.decisions, made.inputs)


def _read(name: str) -> tuple[str, str, str]:
    criterion, _, strategy = name.partition("@")
    if not find_criterion(criterion).measure and strategy == "progressive":
        raise SelectionError(
            f"criterion {criterion} measures nothing, so that tuning in between does not change it: track {criterion}"
        )
    if strategy and strategy not in STRATEGIES:
        raise unknown("strategy of --track", strategy, STRATEGIES)
    return name, criterion, strategy or "oneshot"


def _first(clean: Batches, images: int) -> list[tuple[Tensor, Tensor]]:
    """The first images, in whole batches of 64."""
    pieces = (pair for x, y in clean.epoch(0) for pair in zip(x.split(BATCH), y.split(BATCH)))
    return list(islice(pieces, -(-images // BATCH)))
