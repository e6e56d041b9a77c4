"""Files that are either whole or not there, and checkpoints that hold tensors and built-in types only."""

import csv
import io
import json
import math
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from .errors import UsageError

FORMAT = "darts_ext/1"


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file so that a reader, also after a kill or a power cut, finds the old content or the new, never half of
    it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    with open(draft, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def to_json(value: object) -> str:
    """JSON in which a number that is none (NaN, infinity) is null, because JSON has no word for it.

    >>> to_json({"a": [float("-inf"), 1.0]}).split()
    ['{', '"a":', '[', 'null,', '1.0', ']', '}']
    """
    return json.dumps(_finite(value), indent=1, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows under a header of all their columns; what a row lacks is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
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
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UsageError(f"{path} cannot be read as a checkpoint ({reason}): delete it to start anew") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UsageError(
            f"{path} is not a checkpoint that this program wrote: choose another folder, or delete it to start anew"
        )
    return state
