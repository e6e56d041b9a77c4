"""Kernels that several measures of one network share, computed once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

from .batch import Batches

# Keys hold the network and its inputs, so that no other can get their identity, by which they are compared.
_KERNELS: ContextVar[dict[tuple, Tensor] | None] = ContextVar("kernels", default=None)


@contextmanager
def kernels_shared() -> Iterator[None]:
    """Inside the block a kernel is computed once: the networks and images in it must stay as they are."""
    token = _KERNELS.set({})
    try:
        yield
    finally:
        _KERNELS.reset(token)


def share(compute: Callable[..., Tensor], net: nn.Module, batches: Batches, **settings) -> Tensor:
    """Returns compute(net, batches, **settings), from memory where `kernels_shared` allows it."""
    kernels = _KERNELS.get()
    if kernels is None:
        return compute(net, batches, **settings)
    inputs = tuple(x for x, _ in batches)
    key = (compute, net, inputs, repr(sorted(settings.items())))
    if key not in kernels:
        kernels[key] = compute(net, batches, **settings)
    return kernels[key]
