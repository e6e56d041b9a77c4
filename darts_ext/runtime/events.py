"""TensorBoard events, where they are asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UsageError


@contextmanager
def event_writer(folder: Path, wanted: bool) -> Iterator[Callable[[dict], None]]:
    """A function that takes a row of the summary; its numbers become scalars at the row's epoch, its genotype a
    text."""
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
