"""Weights from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the GPUs' generators stay as they are
        yield
