"""Outputs and targets of several tensors: a tensor [B, ...], a list of B entries, or a tuple or dict of such."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .errors import SelectionError


def count_samples(value: Any) -> int | None:
    """Returns B; None where parts differ in it, or there are none.

    >>> count_samples({"boxes": torch.zeros(3, 4), "names": ["a", "b", "c"]}), count_samples((torch.zeros(2), [1]))
    (3, None)
    """
    if isinstance(value, Tensor):
        return len(value) if value.dim() else None
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, (tuple, Mapping)):
        return None
    counts = {count_samples(part) for part in _parts(value)}
    return counts.pop() if len(counts) == 1 else None


def take(value: Any, rows: slice) -> Any:
    """Returns some of the samples.

    >>> take((torch.arange(4), ["a", "b", "c", "d"]), slice(1, 3))
    (tensor([1, 2]), ['b', 'c'])
    """
    if isinstance(value, (Tensor, list)):
        return value[rows]
    return _rebuild(value, [take(part, rows) for part in _parts(value)])


def join(values: Sequence[Any]) -> Any:
    """Returns the samples of several batches as those of one.

    >>> join([(torch.zeros(1), ["a"]), (torch.ones(1), ["b"])])
    (tensor([0., 1.]), ['a', 'b'])
    """
    first = values[0]
    if isinstance(first, Tensor):
        return torch.cat(list(values))
    if isinstance(first, list):
        return [entry for value in values for entry in value]
    if isinstance(first, Mapping):
        return {key: join([value[key] for value in values]) for key in first}
    columns = zip(*(_parts(value) for value in values))
    return _rebuild(first, [join(column) for column in columns])


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, tuple):
        return list(value)
    raise SelectionError(
        f"outputs and targets are tensors, lists with an entry for each sample, or tuples and dicts of them, not a "
        f"{type(value).__name__}"
    )


def _rebuild(like: Any, parts: list[Any]) -> Any:
    if isinstance(like, Mapping):
        return dict(zip(like, parts))
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
