"""Tensors in tuples, lists, dicts and dataclasses, which may hold each other."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
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
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from list_tensors(getattr(value, field.name))
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
        changed: Any = {} if type(value) is dict else copy(value)  # of its own class, whose parts may be attributes too
        for key, part in value.items():
            changed[key] = map_nested(kind, change, part)
        return changed
    if is_dataclass(value) and not isinstance(value, type):
        changed = copy(value)
        for field in fields(value):
            object.__setattr__(changed, field.name, map_nested(kind, change, getattr(value, field.name)))
        return changed
    if isinstance(value, torch.Size) or not isinstance(value, (tuple, list)):
        return value
    parts = [map_nested(kind, change, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
