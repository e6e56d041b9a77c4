"""BatchNorm statistics that are those of a batch, and constants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import SelectionError
from ..preserve import hooked
from .state import is_off


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """While a batch passes, each BatchNorm's running statistics become those of the batch, in place, before it uses
    them.

    Raises:
        SelectionError: a BatchNorm that is used twice.
    """
    seen = set()

    def record(name: str) -> Callable:
        def hook(norm: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            if name in seen:
                raise SelectionError(
                    f"{name} is used twice, so it has no one statistics to freeze: batchnorm='running' or 'coupled'"
                )
            seen.add(name)
            a = inputs[0] if inputs else named["input"]
            if (
                norm.running_mean is None
            ):  # it takes the batch's own, which make samples depend on each other: here they become constants
                norm.running_mean, norm.running_var = a.detach().new_zeros(2, a.shape[1])
            running = (norm.running_mean, norm.running_var)
            for kept, now in zip(running, torch.batch_norm_update_stats(a.detach(), *running, momentum=0.0)):
                kept.copy_(now)

        return hook

    with hooked(
        norm.register_forward_pre_hook(record(name), with_kwargs=True)
        for name, norm in batch_norms(model, running=False)
    ):
        yield


def batch_norms(model: nn.Module, *, running: bool) -> list[tuple[str, nn.Module]]:
    """The BatchNorms of a model, by name, but those that are switched off.

    Args:
        running: whether they have to keep running statistics.

    Raises:
        SelectionError: one that has to and does not, and so makes samples depend on each other.
    """
    norms = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and not is_off(module)
    ]
    for name, norm in norms:
        if running and norm.running_mean is None:
            raise SelectionError(f"{name} keeps no running statistics: batchnorm='frozen' or 'coupled'")
    return norms
