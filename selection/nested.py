"""Tensors in tuples, lists and dicts, which may hold each other."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def list_tensors(value: object) -> Iterator[Tensor]:
    """Yields the tensors in a value.

    >>> [tensor.item() for tensor in list_tensors((torch.tensor(1), {"a": [torch.tensor(2), "b"]}))]
    [1, 2]
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from list_tensors(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from list_tensors(part)


def map_nested(kind: type, change: Callable[[Any], Any], value: Any) -> Any:
    """Returns a value with everything of a kind in it changed.

    >>> map_nested(int, lambda number: 2 * number, (1, {"a": [2, "b"]}))
    (2, {'a': [4, 'b']})
    """
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_nested(kind, change, part) for key, part in value.items()}
    if isinstance(value, torch.Size) or not isinstance(value, (tuple, list)):
        return value
    parts = [map_nested(kind, change, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
