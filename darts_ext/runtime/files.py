"""Files that are never half written, and checkpoints that hold tensors and built-in types only."""

import csv
import errno
import io
import json
import math
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from .errors import UsageError

FORMAT = "darts_ext/1"
CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # as some file systems of networks say of folders


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file so that a reader finds its old content or the new, never half of it, even after a power cut.

    Raises:
        UsageError: the disk is full, read-only or broken, or something else is in the way; the old file is as it was.
    """
    if isinstance(content, str):
        content = content.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise describe_fault(path, error) from None


def describe_fault(path: Path, error: OSError) -> UsageError:
    """Returns the error for a file that cannot be written."""
    return UsageError(
        f"{path} cannot be written ({error.strerror or error}): once it can, the same command goes on from what is "
        f"there"
    )


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Brings the folder's names to the disk, so that a power cut does not undo a renaming; Windows opens no folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def to_json(value: object) -> str:
    """Returns JSON text in which NaN and infinities are null, because JSON has no word for them.

    >>> to_json({"a": [float("-inf"), 1.0]}).split()
    ['{', '"a":', '[', 'null,', '1.0', ']', '}']
    """
    return json.dumps(_replace_nonfinite(value), indent=1, allow_nan=False)


def _replace_nonfinite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _replace_nonfinite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_nonfinite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows under a header of all their columns; a column that a row lacks is empty."""
    columns: dict[str, None] = {}  # in the order in which they first appear
    for row in rows:
        columns.update(dict.fromkeys(row))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def save_checkpoint(path: Path, state: dict) -> None:
    """Writes a checkpoint of tensors and built-in types."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_whole(path, buffer.getvalue())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict:
    """Reads `save_checkpoint`'s file, with weights_only.

    Raises:
        UsageError: the file is broken, or is not a checkpoint of this program.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        message = str(error).strip()
        reason = message.splitlines()[0][:120] if message else type(error).__name__
        raise UsageError(f"{path} cannot be read as a checkpoint ({reason}): delete it to start anew") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UsageError(
            f"{path} is not a checkpoint that this program wrote: choose another folder, or delete it to start anew"
        )
    return state
