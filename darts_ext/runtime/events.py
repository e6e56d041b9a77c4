"""TensorBoard events, for runs with --tensorboard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UsageError


@contextmanager
def event_writer(folder: Path, wanted: bool) -> Iterator[Callable[[dict], None]]:
    """Yields a function that writes a row of the summary: numbers as scalars at the row's epoch, its genotype as text.

    Raises:
        UsageError: events are wanted and tensorboard is not installed.
    """
    if not wanted:
        yield lambda row: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("--tensorboard needs the package tensorboard: pip install 'darts_ext[tensorboard]'") from None
    with SummaryWriter(str(folder)) as writer:

        def write(row: dict) -> None:
            for name, value in row.items():
                if isinstance(value, str):
                    writer.add_text(name, value, row["epoch"])
                elif name != "epoch":
                    writer.add_scalar(name.replace(":", "/"), value, row["epoch"])
            writer.flush()

        yield write
