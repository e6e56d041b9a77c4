"""TensorBoard events, for runs with --tensorboard."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError
from .files import describe_fault

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@contextmanager
def event_writer(folder: Path, wanted: bool) -> Iterator[Callable[[dict], None]]:
    """Yields a function that writes a row of the summary: numbers as scalars at the row's epoch, its genotype as text.

    Raises:
        UsageError: events are wanted and tensorboard is not installed, or they cannot be written.
    """
    if not wanted:
        yield lambda row: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("--tensorboard needs the package tensorboard: pip install 'darts_ext[tensorboard]'") from None
    try:
        with _faults_of_threads_unsaid(), SummaryWriter(str(folder)) as writer:
            yield partial(_write_row, writer)
    except OSError as error:
        raise describe_fault(folder, error) from None


@contextmanager
def _faults_of_threads_unsaid() -> Iterator[None]:
    """Keeps the traceback of the writer's own thread from standard error: its next call raises the same."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, OSError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def _write_row(writer: "SummaryWriter", row: dict) -> None:
    for name, value in row.items():
        if isinstance(value, str):
            writer.add_text(name, value, row["epoch"])
        elif name != "epoch":
            writer.add_scalar(name.replace(":", "/"), value, row["epoch"])
    writer.flush()
