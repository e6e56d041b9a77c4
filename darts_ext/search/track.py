"""Genotypes that other criteria than alpha would choose, followed while a supernet trains."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import islice
from math import ceil

from torch import Tensor, nn

from selection import Plan, SelectionError, make_plan, parse_criterion, split_names
from supernet import Genotype

from ..config import SearchSettings
from ..data import ImageBatches
from ..runtime.errors import unknown
from .bilevel import Lookup
from .tuning import Tuning

BATCH = 64
FACTOR = 0.1  # of the learning rate, when a copy is tuned (Wang et al. 2021)
STRATEGIES = ("oneshot", "progressive")


class Tracker:
    """Criteria, each CRITERION or CRITERION@STRATEGY, with the batches that they see.

    Args:
        settings: of the search.
        train, val, val_clean, seed: see Search.
        lookup: returns what a benchmark knows of a genotype, as columns of the epoch's row.

    Raises:
        SelectionError, UsageError: an unknown criterion or strategy.
    """

    def __init__(
        self,
        settings: SearchSettings,
        train: ImageBatches,
        val: ImageBatches,
        val_clean: ImageBatches,
        seed: int,
        lookup: Lookup,
    ):
        self.settings = settings
        self.train = train
        self.val = val
        self.val_clean = val_clean
        self.seed = seed
        self.lookup = lookup
        self.plans = {name: _make_plan(name) for name in split_names(settings.track)}

    def picks(self, net: nn.Module, epoch: int) -> dict[str, object]:
        """Returns what each criterion would choose, in every `track_every`-th epoch and the last; otherwise {}.

        Columns are "pick:NAME", a genotype as text, and "COLUMN:NAME" for what `lookup` knows of it. The network stays
        as it was.
        """
        if (epoch + 1) % self.settings.track_every and epoch + 1 < self.settings.epochs:
            return {}
        row: dict[str, object] = {}
        for name, plan in self.plans.items():
            genotype = self._choose(net, plan)
            row[f"pick:{name}"] = genotype.to_text()
            row |= {f"{column}:{name}": value for column, value in self.lookup(genotype).items()}
        return row

    def try_out(self, net: nn.Module) -> None:
        """Raises SelectionError for a criterion whose measure cannot be taken of the supernet."""
        x, y = _first_batches(self.val_clean, 1)[0]
        for plan in self.plans.values():
            plan.check(net, x, y)

    def _choose(self, net: nn.Module, plan: Plan) -> Genotype:
        batches = _first_batches(self.val_clean, self.settings.track_images)
        if plan.strategy.name == "progressive":
            net = deepcopy(net)
            plan = plan.with_options(tune=self._create_tune(net))
        selection = plan.run(net, batches, seed=self.seed)
        return net.genotype(selection.decisions, selection.inputs)

    def _create_tune(self, net: nn.Module) -> Callable[[object], None]:
        """Returns a function that trains the net for a round; `select` calls it with the decisions so far."""
        tuning = Tuning(
            net,
            self.settings,
            self.train,
            self.val,
            self.val_clean,
            self.seed,
            epochs=self.settings.track_tune_epochs,
            factor=FACTOR,
        )

        def tune(_: object) -> None:
            tuning.run_round(lambda steps, total: steps)

        return tune


def _make_plan(name: str) -> Plan:
    spelling = parse_criterion(name)
    strategy = spelling.strategy or "oneshot"
    if strategy not in STRATEGIES:
        raise unknown("strategy of --track", strategy, STRATEGIES)
    plan = make_plan(spelling, strategy)
    if strategy == "progressive" and not any(criterion.measure for criterion in plan.criteria.values()):
        raise SelectionError(
            f"criterion {spelling.joined} measures nothing, so that tuning in between does not change it: track "
            f"{spelling.joined}"
        )
    return plan


def _first_batches(clean: ImageBatches, images: int) -> list[tuple[Tensor, Tensor]]:
    """Returns the first images, in as many batches of 64 as hold them."""
    return list(islice(_split_batches(clean), ceil(images / BATCH)))


def _split_batches(clean: ImageBatches) -> Iterator[tuple[Tensor, Tensor]]:
    for x, y in clean.epoch(0):
        yield from zip(x.split(BATCH), y.split(BATCH))
