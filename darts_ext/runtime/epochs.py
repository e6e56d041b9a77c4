"""Epochs that can be killed: what a stage is after each of them is on disk, and the same call goes on from there."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from .errors import UsageError
from .files import load_checkpoint, save_checkpoint, write_csv
from .seed import seed_epoch

Row = dict[str, object]


class Stage(Protocol):
    """Something that trains by epochs."""

    name: str
    seed: int

    def run_epoch(self, epoch: int, bar: Callable) -> Row:
        """Trains one epoch and returns its row of the summary; `bar` wraps the iteration over steps."""
        ...

    def state(self) -> dict:
        """Tensors and built-in types from which `load` restores the stage."""
        ...

    def load(self, state: dict) -> None: ...


def run_epochs(
    stage: Stage, epochs: int, checkpoint: Path, summary: Path, on_epoch: Callable[[Row], None] = lambda row: None
) -> list[Row]:
    """Runs the epochs that are not done yet; after each one a checkpoint and the summary (one row an epoch) are written
    whole.

    Returns:
        the rows of all epochs.
    """
    history: list[Row] = []
    if checkpoint.exists():
        saved = load_checkpoint(checkpoint)
        try:
            history = saved["history"]
            stage.load(saved["stage"])
        except (KeyError, RuntimeError, ValueError, TypeError):
            raise UsageError(
                f"{checkpoint} belongs to another network or stage: choose another folder, or delete it to start anew"
            ) from None
        if history:
            write_csv(summary, history)
    with tqdm(total=epochs, initial=len(history), desc=stage.name, unit="epoch", miniters=0, disable=None) as bar:
        for epoch in range(len(history), epochs):
            seed_epoch(stage.seed, stage.name, epoch)
            row = {"epoch": epoch + 1, **stage.run_epoch(epoch, lambda steps, total: _substeps(bar, steps, total))}
            history.append(row)
            save_checkpoint(checkpoint, {"stage": stage.state(), "history": history})
            write_csv(summary, history)
            on_epoch(row)
            bar.n = len(history)
            bar.set_postfix_str(_short(row))
    return history


def _substeps(bar: tqdm, steps, total: int):
    """Moves the bar within the epoch, so that the remaining time is known long before the first epoch ends."""
    done = bar.n
    for count, step in enumerate(steps, start=1):
        yield step
        bar.n = round(done + count / total, 3)
        bar.update(0)


def _short(row: Row) -> str:
    shown = {
        name: row[name] for name in ("train_accuracy", "val_accuracy", "test_accuracy", "skip_share") if name in row
    }
    return ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
