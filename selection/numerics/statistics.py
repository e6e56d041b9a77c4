"""BatchNorm statistics that are those of a batch, and constants."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import SelectionError
from ..preserve import hooked


@contextmanager
def frozen_statistics(model: nn.Module, off: Collection[nn.Module] = ()) -> Iterator[None]:
    """While a batch passes, each BatchNorm's running statistics become those of the batch, in place, before it uses
    them.

    Args:
        off: modules that do not compute.

    Raises:
        SelectionError: a BatchNorm that is used twice.
    """
    used = set()

    def record(name: str) -> Callable:
        def hook(norm: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            if name in used:
                raise SelectionError(
                    f"{name} is used twice, so it has no one statistics to freeze: batchnorm='running' or 'coupled'"
                )
            used.add(name)
            a = inputs[0] if inputs else named["input"]
            _set_statistics(norm, a.detach())

        return hook

    norms = _batch_norms(model, off)
    with hooked(norm.register_forward_pre_hook(record(name), with_kwargs=True) for name, norm in norms):
        yield


def check_running_statistics(model: nn.Module, off: Collection[nn.Module] = ()) -> None:
    """Raises SelectionError for a BatchNorm without running statistics, which makes samples depend on each other."""
    for name, norm in _batch_norms(model, off):
        if norm.running_mean is None:
            raise SelectionError(f"{name} keeps no running statistics: batchnorm='frozen' or 'coupled'")


def _set_statistics(norm: Any, a: Tensor) -> None:
    """Sets a BatchNorm's running statistics to those of its input."""
    if norm.running_mean is None:
        # it would take the batch's own, which make samples depend on each other: here they become constants
        norm.running_mean, norm.running_var = a.new_zeros(2, a.shape[1])
    mean, var = _compute_moments(norm, a)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)


def _compute_moments(norm: Any, a: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel [C] of a [B, C, ...]."""
    try:
        return torch.batch_norm_update_stats(a, norm.running_mean, norm.running_var, momentum=0.0)
    except NotImplementedError:  # on Apple's GPU and the meta device
        var, mean = torch.var_mean(a, [0, *range(2, a.dim())], correction=0)
        return mean, var


def _batch_norms(model: nn.Module, off: Collection[nn.Module]) -> list[tuple[str, _BatchNorm]]:
    norms = []
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module not in off:
            norms.append((name, module))
    return norms
