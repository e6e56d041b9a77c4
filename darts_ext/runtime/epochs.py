"""Training by epochs that survives a kill: after each one a checkpoint is on disk, from which the same call resumes."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

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
        """Trains one epoch and returns its row of the summary; `bar(steps, total)` wraps the iteration over steps."""
        ...

    def state(self) -> dict:
        """Returns tensors and built-in types from which `load` restores the stage."""
        ...

    def load(self, state: dict) -> None:
        """Restores the stage."""
        ...


def run_epochs(
    stage: Stage,
    epochs: int,
    checkpoint: Path,
    summary: Path,
    on_epoch: Callable[[Row], None] | None = None,
    is_over: Callable[[list[Row]], bool] | None = None,
) -> list[Row]:
    """Runs the epochs that are not done yet; after each one a checkpoint and the summary are written whole.

    Args:
        stage: what is trained.
        epochs: number of epochs, those that are done included.
        checkpoint: file of the stage's state; an existing one is resumed.
        summary: CSV file with a row for each epoch.
        on_epoch: called with each new row.
        is_over: of the rows so far, whether they are the last.

    Returns:
        the rows of all epochs.

    Raises:
        UsageError: the checkpoint cannot be read, or belongs to another network or stage.
    """
    history = _resume(stage, checkpoint)
    if history:
        write_csv(summary, history)
    with tqdm(total=epochs, initial=len(history), desc=stage.name, unit="epoch", miniters=0, disable=None) as bar:

        def count_steps(steps: Iterable[Any], total: int) -> Iterator[Any]:
            return _count_steps(bar, steps, total)

        for epoch in range(len(history), epochs):
            if is_over is not None and is_over(history):
                break
            seed_epoch(stage.seed, stage.name, epoch)
            row = {"epoch": epoch + 1, **stage.run_epoch(epoch, count_steps)}
            history.append(row)
            save_checkpoint(checkpoint, {"stage": stage.state(), "history": history})
            write_csv(summary, history)
            if on_epoch is not None:
                on_epoch(row)
            bar.n = len(history)
            bar.set_postfix_str(_shorten(row))
    return history


def _resume(stage: Stage, checkpoint: Path) -> list[Row]:
    """Loads the checkpoint into the stage, if there is one; returns the rows of the epochs that are done."""
    if not checkpoint.exists():
        return []
    saved = load_checkpoint(checkpoint)
    try:
        history = saved["history"]
        stage.load(saved["stage"])
    except (KeyError, RuntimeError, ValueError, TypeError):
        raise UsageError(
            f"{checkpoint} belongs to another network or stage: choose another folder, or delete it to start anew"
        ) from None
    return history


def _count_steps(bar: tqdm, steps: Iterable[Any], total: int) -> Iterator[Any]:
    """Moves the bar within the epoch, so that the remaining time is known long before the first epoch ends."""
    epochs_done = bar.n
    for count, step in enumerate(steps, start=1):
        yield step
        bar.n = round(epochs_done + count / total, 3)
        bar.update(0)


def _shorten(row: Row) -> str:
    """Returns the columns that fit beside the bar."""
    shown = [name for name in ("train_accuracy", "val_accuracy", "test_accuracy", "skip_share") if name in row]
    return ", ".join(f"{name} {row[name]:.4g}" for name in shown)
