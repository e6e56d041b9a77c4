"""Choosing, with a bar, and a checkpoint after each round of a progressive strategy from which the same call goes
on."""

import sys
import time
from collections.abc import Callable, Iterable
from math import ceil
from pathlib import Path

import torch
from tqdm import tqdm

from selection import Selection, select

from ..data import Batches
from ..runtime.files import load_checkpoint, save_checkpoint
from .entry import Entry


class Fresh:
    """A function that returns the images anew at each call, in another order and augmentation; `count` calls have been
    made."""

    def __init__(self, batches: Batches):
        self.batches, self.count = batches, 0

    def __call__(self) -> Iterable:
        """The next epoch of the batches."""
        self.count += 1
        return list(self.batches.epoch(self.count - 1))


def choose(
    net: torch.nn.Module,
    entry: Entry,
    batches: list | Fresh,
    *,
    seed: int,
    checkpoint: Path,
    asked: dict,
    tuning=None,
    build: Callable | None = None,
) -> Selection:
    """Chooses an architecture; a progressive strategy goes on from `checkpoint` if that was left by the same call.

    Args:
        net: a trained supernet.
        batches: what the criteria measure on.
        asked: tells this call from others that may have left a checkpoint.
        tuning: see search.Tuning; None trains nothing.
        build: see selection's `sample`.
    """
    work = _Work(net, entry, batches, checkpoint, asked, tuning)
    options = entry.options | ({"build": build} if build else {})
    with work.bar:
        if entry.strategy == "progressive":
            options |= {"checkpoint": work.save, "resume": work.resume()}
        chosen = select(
            net,
            entry.criterion,
            entry.strategy,
            batches=batches,
            tune=work.tune if tuning else None,
            seed=seed,
            race=entry.taken["race"],
            protocol=entry.taken["protocol"],
            settings=entry.taken["settings"],
            listener=work.listen,
            **options,
        )
    chosen.seconds = work.seconds()
    return chosen


class _Work:
    """What is under way: its bar, and what it must know to go on after a kill."""

    def __init__(
        self, net: torch.nn.Module, entry: Entry, batches: list | Fresh, checkpoint: Path, asked: dict, tuning
    ):
        self.net, self.entry, self.batches, self.checkpoint, self.asked, self.tuning = (
            net,
            entry,
            batches,
            checkpoint,
            asked,
            tuning,
        )
        self.start, self.before, self.rounds = time.perf_counter(), 0.0, 0
        form = "{desc}: {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"
        self.bar = tqdm(
            total=0,
            desc=f"select by {entry.name}",
            unit="evaluation",
            miniters=0,
            bar_format=form,
            disable=None,
            leave=False,
        )

    def seconds(self) -> float:
        """Wall time, of the calls that were killed too."""
        return self.before + time.perf_counter() - self.start

    def listen(self, done: float, expected: float) -> None:
        """Moves the bar."""
        self.bar.total = expected
        self.bar.update(done - self.bar.n)

    def tune(self, _) -> None:
        """Trains the supernet between two rounds."""
        self.tuning.run_round(self._steps)

    def _steps(self, steps: Iterable, total: int):
        epoch = self.tuning.done - self.rounds * ceil(self.tuning.epochs) + 1
        for count, step in enumerate(steps, start=1):
            self.bar.set_postfix_str(
                f"round {self.rounds + 1}, tuning epoch {epoch} of {self.tuning.epochs:g}, step {count}/{total}",
                refresh=False,
            )
            self.bar.update(0)
            yield step

    def save(self, progress: dict) -> None:
        """Writes down a round that is decided and tuned."""
        self.rounds = progress["done"]
        self.bar.set_postfix_str(f"{self.rounds}/{len(progress['rounds'])} rounds", refresh=False)
        count = self.batches.count if isinstance(self.batches, Fresh) else 0
        tuned = self.tuning.state() if self.tuning else {}
        save_checkpoint(
            self.checkpoint,
            {"asked": self.asked, "progress": progress, "tuning": tuned, "batches": count, "seconds": self.seconds()},
        )

    def resume(self) -> dict | None:
        """What the checkpoint says of this call, with the network and the batches as they were then."""
        if not self.checkpoint.exists():
            return None
        saved = load_checkpoint(self.checkpoint)
        if saved.get("asked") != self.asked:
            return None
        progress = saved["progress"]
        if self.tuning:
            self.tuning.load(saved["tuning"])
        if isinstance(self.batches, Fresh):
            self.batches.count = saved["batches"]
        self.before, self.rounds = saved["seconds"], progress["done"]
        self.bar.n = self.bar.initial = progress["evaluations"]
        tqdm.write(
            f"{self.entry.name}: goes on after {self.rounds} of {len(progress['rounds'])} rounds", file=sys.stderr
        )
        return progress
