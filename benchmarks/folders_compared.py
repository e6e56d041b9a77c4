"""Whether two folders of results hold the same, bit for bit, but for the seconds that something took."""

import csv
import json
from pathlib import Path

DIGEST = "supernet"  # of a checkpoint, which holds seconds
NOT_READ = ("report.html",)  # shows seconds


def find_difference(first: Path, second: Path) -> str:
    """Returns the first file that only one of the folders has, or that differs; empty if there is none."""
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (first, second)]
    only_one_has = sorted(set(names[0]) ^ set(names[1]))
    if only_one_has:
        return only_one_has[0]
    for name in names[0]:
        if name not in NOT_READ and (first / name).is_file() and not _are_same(first / name, second / name):
            return name
    return ""


def _are_same(first: Path, second: Path) -> bool:
    contents = []
    for path in (first, second):
        if path.suffix == ".pt":
            contents.append(_read_tensors(path))
        elif path.suffix == ".csv":
            with path.open(newline="") as file:
                contents.append(_drop_times(list(csv.DictReader(file))))
        elif path.suffix == ".json":
            contents.append(_drop_times(json.loads(path.read_text())))
        else:
            contents.append(path.read_bytes())
    return contents[0] == contents[1]


def _read_tensors(path: Path) -> object:
    import torch

    return _drop_times(torch.load(path, weights_only=True))


def _drop_times(value: object) -> object:
    """Returns the value without times, and with tensors as what they are made of."""
    import torch

    if isinstance(value, dict):
        return {key: _drop_times(inner) for key, inner in value.items() if not _is_timed(key)}
    if isinstance(value, (list, tuple)):
        return [_drop_times(inner) for inner in value]
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    return value


def _is_timed(key: object) -> bool:
    return isinstance(key, str) and ("seconds" in key or key == DIGEST)
