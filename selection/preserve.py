"""Blocks that leave a network as it was: modes, buffers, gradients, hooks, and the random state."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def preserved(net: nn.Module, seed: int | None = None) -> Iterator[None]:
    """On leaving, the net's training flags, buffers and gradients and torch's random state are what they were.

    Buffers are the same tensors with the same values, whether the block changes them in place, binds others to their
    names, or registers more.

    Args:
        seed: where given, the block starts from this seed, so that noise and dropout do not differ between two options
            that are compared.
    """
    modules = [(module, module.training, dict(module._buffers)) for module in net.modules()]
    values = []
    for _, _, buffers in modules:
        values += [(buffer, buffer.clone()) for buffer in buffers.values() if buffer is not None]
    gradients = [(parameter, parameter.grad) for parameter in net.parameters()]
    with _random_state_kept(net):
        if seed is not None:
            draw_from(seed, net)
        try:
            for parameter, _ in gradients:
                parameter.grad = None
            yield
        finally:
            for module, training, buffers in modules:
                module.training = training
                module._buffers.clear()
                module._buffers.update(buffers)
            with torch.no_grad():
                for buffer, value in values:
                    buffer.copy_(value)
            for parameter, gradient in gradients:
                parameter.grad = gradient


@contextmanager
def hooked(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Removes the hooks of these handles afterwards, also after an error."""
    with ExitStack() as hooks:
        for handle in handles:
            hooks.enter_context(handle)
        yield


def draw_from(seed: int, net: nn.Module) -> None:
    """Seeds the generators that a network draws from, the CPU's and those of its own devices; `torch.manual_seed`
    changes all others too, and is slow."""
    torch.default_generator.manual_seed(seed)
    for device in _find_generators(net):
        if device.type == "cuda":
            torch.cuda.default_generators[device.index].manual_seed(seed)
        else:
            torch.get_device_module(device).manual_seed(seed)


@contextmanager
def _random_state_kept(net: nn.Module) -> Iterator[None]:
    """On leaving, the generators of the CPU and of the network's own devices are what they were."""
    with ExitStack() as forks:
        forks.enter_context(torch.random.fork_rng(devices=[]))
        for device in _find_generators(net):
            forks.enter_context(torch.random.fork_rng(devices=[device], device_type=device.type))
        yield


def _find_generators(net: nn.Module) -> set[torch.device]:
    """The network's devices other than the CPU that have a generator; torch's `meta` device has none."""
    devices = {parameter.device for parameter in net.parameters()}
    return {device for device in devices if hasattr(getattr(torch, device.type, None), "manual_seed")}
