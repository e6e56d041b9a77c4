"""Weights from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import torch

from .errors import SpaceError


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draws from a seed within the block, and leaves the global generators as they were; None draws from the latter.

    >>> with seeded(0):
    ...     first = torch.rand(2)
    >>> with seeded(0):
    ...     second = torch.rand(2)
    >>> torch.equal(first, second)
    True
    """
    if seed is None:
        yield
        return
    if not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise SpaceError(f"seed is a whole number between 0 and 2**63 - 1, or None, not {seed!r}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))  # the GPUs' generators stay as they are
        yield
