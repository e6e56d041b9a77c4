"""Leaves a network as it was: modes, buffers, gradients, and the random state."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def preserved(net: nn.Module, seed: int | None = None) -> Iterator[None]:
    """On leaving, the net's training flags, buffers and gradients and torch's random state are what they were.

    Args:
        seed: where given, the block starts from this seed, so that noise and dropout do not differ between two options that are compared.
    """
    modes = [(module, module.training) for module in net.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in net.parameters()]
    gpus = {parameter.device.index for parameter in net.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices=sorted(gpus)):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            for parameter, _ in gradients:
                parameter.grad = None
            yield
        finally:
            for module, training in modes:
                module.training = training
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
            for parameter, gradient in gradients:
                parameter.grad = gradient
