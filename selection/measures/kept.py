"""Kernels that several measures of one network have in common, computed once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

from .batch import Batches

_KEPT: ContextVar[dict | None] = ContextVar("kept", default=None)


@contextmanager
def kernels_kept() -> Iterator[None]:
    """Inside the block a kernel that was computed is not computed again: the networks and images in it must stay as
    they are."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def keep(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Lets kernel(net, batches, *, ...), all settings by keyword, be kept inside `kernels_kept`."""

    def kernel(net: nn.Module, batches: Batches, **settings) -> Tensor:
        kept = _KEPT.get()
        if kept is None:
            return compute(net, batches, **settings)
        settings = {**compute.__kwdefaults__, **settings}
        key = (compute, id(net), tuple(id(x) for x, _ in batches), repr(sorted(settings.items())))
        if key not in kept:
            kept[key] = (
                compute(net, batches, **settings),
                net,
                batches,
            )  # held, so that no other network or batch can get their ids
        return kept[key][0]

    return kernel
