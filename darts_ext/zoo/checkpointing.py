"""Cells whose feature maps are not kept for the backward pass, but computed once more."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run_without_keeping(cell: nn.Module, *inputs: Tensor) -> Tensor:
    """Returns a cell's output; its backward pass runs the cell again, with the same random numbers.

    BatchNorms move their running statistics in the first run only.
    """

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _statistics_kept(cell)

    output: Any = checkpoint(cell, *inputs, use_reentrant=False, context_fn=contexts)
    return output


def is_training(net: nn.Module) -> bool:
    """Whether a backward pass may follow."""
    return net.training and torch.is_grad_enabled()


@contextmanager
def _statistics_kept(cell: nn.Module) -> Iterator[None]:
    """Inside the block BatchNorms leave their running statistics as they are, and save what they always save."""
    norms = [module for module in cell.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.sub_(1)
