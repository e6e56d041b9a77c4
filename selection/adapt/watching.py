"""The weights with which a network mixes its options, watched in a pass on a few inputs.

Where an edge is a sum of w_o times the output of option o, the gradient by that output is w_o times the same gradient
for all options of the edge: its size is the weight, up to a factor. So it does not matter how the network is written.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import FAILURES
from ..nested import list_tensors, map_nested
from ..preserve import hooked, preserved
from ..protocol import Selectable, SelectableModule
from .weighting import Sight

SIZES = {1: (32, 128, 1024), 2: (16, 32, 64, 224), 3: (8, 16, 32)}  # of inputs that are tried, by their dimensions
CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
Leaves = dict[tuple[str, str], list[Tensor]]  # {(choice, option): what its modules have returned}


def watch_twice(net: SelectableModule, x: Tensor) -> tuple[Sight, Sight]:
    """Returns the alphas and weights of every choice whose weights are seen, of two passes that draw different numbers.

    While they run, alphas are spread out; afterwards the network is what it was, bit for bit.

    Args:
        x: a few inputs.
    """
    with _alphas_spread(net):
        alphas = {choice: alpha.detach().float().cpu().clone() for choice, alpha in net.logits().items()}
        passes = [watch_weights(net, x, seed) for seed in (0, 1)]
    seen = [choice for choice in alphas if all(watched[choice].sum() > 0 for watched in passes)]
    first, second = ([(alphas[choice], watched[choice]) for choice in seen] for watched in passes)
    return first, second


def watch_weights(net: SelectableModule, x: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """Returns {choice: weights [options], up to a factor}; zeros where no gradient reaches an edge."""
    leaves: Leaves = {}
    with _left_as_it_was(net, seed), torch.enable_grad():
        net.eval()
        with hooked(_hook_options(net, leaves)):
            output = next(list_tensors(net(x.clone())))
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(output.shape, generator=generator).to(output)
        tensors = [leaf for group in leaves.values() for leaf in group]
        gradients = torch.autograd.grad(output, tensors, direction, allow_unused=True, materialize_grads=True)
    squares = dict.fromkeys(leaves, 0.0)
    owners = [place for place, group in leaves.items() for _ in group]
    for place, gradient in zip(owners, gradients):
        squares[place] += float(gradient.double().square().sum())
    weights = {}
    for choice, options in net.choices().items():
        weights[choice] = torch.tensor([squares.get((choice, option), 0.0) ** 0.5 for option in options])
    return weights


def make_inputs(host: nn.Module) -> Iterator[Tensor]:
    """Yields inputs that the network might take, by its first layer that says what it reads."""
    for module in host.modules():
        for layer, dims in CONVOLUTIONS.items():
            if isinstance(module, layer):
                shapes = [(2, module.in_channels, *[size] * dims) for size in SIZES[dims]]
                yield from (_draw(shape, module.weight) for shape in shapes)
                return
        if isinstance(module, nn.Linear):
            yield _draw((2, module.in_features), module.weight)
            return
        if isinstance(module, nn.Embedding):
            yield torch.zeros(2, 16, dtype=torch.long, device=module.weight.device)
            return


def find_inputs(net: SelectableModule, host: nn.Module) -> Tensor | None:
    """Returns inputs on which the network runs; None where none are found."""
    for x in make_inputs(host):
        try:
            with torch.no_grad(), _left_as_it_was(net, 0):
                net.eval()(x.clone())
        except FAILURES:
            continue
        return x
    return None


def _draw(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(like)


def _hook_options(net: Selectable, leaves: Leaves) -> list:
    handles = []
    for choice, options in net.choices().items():
        for option, modules in options.items():
            record = _record(leaves.setdefault((choice, option), []))
            handles += [module.register_forward_hook(record) for module in modules]
    return handles


def _record(group: list[Tensor]) -> Callable:
    def cut(output: Tensor) -> Tensor:
        if not output.is_floating_point():
            return output
        group.append(output.clone() if output.requires_grad else output.detach().requires_grad_())
        return group[-1]

    def hook(module: nn.Module, inputs: tuple, output: object) -> object:
        return map_nested(Tensor, cut, output)

    return hook


@contextmanager
def _alphas_spread(net: Selectable) -> Iterator[None]:
    """Inside the block the alphas of each choice are positive and differ."""
    before = {choice: alpha.detach().clone() for choice, alpha in net.logits().items()}
    generator = torch.Generator().manual_seed(0)
    try:
        for choice, row in before.items():
            order = torch.randperm(len(row), generator=generator)
            _write(net, choice, torch.linspace(0.4, 1.6, len(row))[order])
        yield
    finally:
        for choice, row in before.items():
            _write(net, choice, row)


@torch.no_grad()
def _write(net: Selectable, choice: str, row: Tensor) -> None:
    net.logits()[choice].copy_(row)


@contextmanager
def _left_as_it_was(net: nn.Module, seed: int) -> Iterator[None]:
    """As `preserved`, and the random states of Python and NumPy too, which hosts draw from."""
    python, numpy = random.getstate(), np.random.get_state()
    with ExitStack() as stack:
        stack.callback(random.setstate, python)
        stack.callback(np.random.set_state, numpy)
        stack.enter_context(preserved(net, seed=seed))
        random.seed(seed)
        np.random.seed(seed)
        yield
