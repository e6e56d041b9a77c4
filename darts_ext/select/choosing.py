"""Choosing, with a bar, and with checkpoints between the rounds of a progressive strategy."""

import time
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path

import torch
from tqdm import tqdm

from selection import Selection

from ..data import ImageBatches
from ..runtime.files import load_checkpoint, save_checkpoint
from ..runtime.news import say
from ..runtime.processes import Spread
from ..search import Tuning
from .memory import Memory
from .selector import Selector, drop_defaults

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"


class ResampledBatches:
    """A function that returns the images anew at each call, in another order and augmentation; `count` calls have been
    made."""

    def __init__(self, batches: ImageBatches):
        self.batches = batches
        self.count = 0

    def __call__(self) -> list:
        """Returns the next epoch of the batches."""
        epoch = self.count
        self.count += 1
        return list(self.batches.epoch(epoch))


def choose(
    net: torch.nn.Module,
    selector: Selector,
    batches: list | ResampledBatches,
    *,
    seed: int,
    checkpoint: Path,
    identity: dict,
    memory: Path,
    tuning: Tuning | None = None,
    options: Mapping[str, object] | None = None,
) -> Selection:
    """Chooses an architecture; a progressive strategy goes on from `checkpoint` if that was left by the same
    call.

    Args:
        net: a trained supernet.
        batches: what the criteria measure on.
        identity: tells this call from others that may have left a checkpoint.
        memory: file of what was measured of whole architectures; the same call does not measure it again.
        tuning: None trains nothing between decisions.
        options: of strategies of whole architectures, as `build` and `start`; None of each leaves the default.
    """
    progress = _Progress(selector, batches, checkpoint, identity, tuning)
    options = {name: value for name, value in (options or {}).items() if value is not None}
    if selector.plan.strategy.whole:
        options["spread"] = Spread(int(str(selector.settings["processes"])))
        if not callable(batches):
            options["memory"] = Memory(memory, identity)
    if tuning:
        options["tune"] = progress.tune
    with progress.bar:
        if selector.strategy == "progressive":
            options["checkpoint"] = progress.save
            options["resume"] = progress.resume()
        selection = selector.plan.run(net, batches, seed=seed, listener=progress.listen, **options)
    selection.seconds = progress.seconds()
    return selection


class _Progress:
    """The progress of a choice: its bar, and what it must know to go on after a kill."""

    def __init__(
        self,
        selector: Selector,
        batches: list | ResampledBatches,
        checkpoint: Path,
        identity: dict,
        tuning: Tuning | None,
    ):
        self.selector = selector
        self.batches = batches
        self.checkpoint = checkpoint
        self.identity = identity
        self.tuning = tuning
        self.start = time.perf_counter()
        self.seconds_before = 0.0
        self.rounds = 0
        self.bar = tqdm(
            total=0,
            desc=f"select by {selector.name}",
            unit="evaluation",
            miniters=0,
            bar_format=BAR,
            disable=None,
            leave=False,
        )

    def seconds(self) -> float:
        """Wall time, of the calls that were killed too."""
        return self.seconds_before + time.perf_counter() - self.start

    def listen(self, done: float, expected: float) -> None:
        """Moves the bar."""
        self.bar.total = expected
        self.bar.update(done - self.bar.n)

    def tune(self, _: object) -> None:
        """Trains the supernet between two rounds."""
        self.tuning.run_round(self._show_steps)

    def _show_steps(self, steps: Iterable, total: int) -> Iterable:
        epoch = self.tuning.done - self.rounds * ceil(self.tuning.epochs) + 1
        for count, step in enumerate(steps, start=1):
            place = f"tuning epoch {epoch} of {self.tuning.epochs:g}, step {count}/{total}"
            self.bar.set_postfix_str(f"round {self.rounds + 1}, {place}", refresh=False)
            self.bar.update(0)
            yield step

    def save(self, progress: dict) -> None:
        """Writes down a round that is decided and tuned."""
        self.rounds = progress["done"]
        self.bar.set_postfix_str(f"{self.rounds}/{len(progress['rounds'])} rounds", refresh=False)
        save_checkpoint(
            self.checkpoint,
            {
                "asked": self.identity,
                "progress": progress,
                "tuning": self.tuning.state() if self.tuning else {},
                "batches": self.batches.count if isinstance(self.batches, ResampledBatches) else 0,
                "seconds": self.seconds(),
            },
        )

    def resume(self) -> dict | None:
        """Returns what the checkpoint says of this call, with the network and the batches as they were then."""
        if not self.checkpoint.exists():
            return None
        saved = load_checkpoint(self.checkpoint)
        if _read_identity(saved) != self.identity:
            return None
        progress = saved["progress"]
        if self.tuning:
            self.tuning.load(saved["tuning"])
        if isinstance(self.batches, ResampledBatches):
            self.batches.count = saved["batches"]
        self.seconds_before = saved["seconds"]
        self.rounds = progress["done"]
        self.bar.n = self.bar.initial = progress["evaluations"]
        rounds = f"{self.rounds} of {len(progress['rounds'])} rounds"
        say(f"{self.selector.name}: goes on after {rounds}")
        return progress


def _read_identity(saved: dict) -> dict:
    """Returns whose checkpoint it is; older ones hold settings at their defaults, too."""
    identity = saved.get("asked", {})
    selector = identity.get("entry", {})
    return {**identity, "entry": {**selector, "taken": drop_defaults(selector.get("taken", {}))}}
