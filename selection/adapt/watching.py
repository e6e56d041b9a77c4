"""The weights with which a network mixes its options, watched in a pass on a few inputs.

Where an edge is a sum of w_o times the output of option o, the gradient by that output is w_o times the same gradient
for all options of the edge: its size is the weight, up to a factor. So it does not matter how the network is written.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import FAILURES
from ..gates import zeros_of
from ..nested import list_tensors, map_nested
from ..preserve import hooked, preserved
from ..protocol import Selectable, SelectableModule
from .host import Host
from .weighting import Sight

SIZES = {1: (32, 128, 1024), 2: (16, 32, 64, 224), 3: (8, 16, 32)}  # of inputs that are tried, by their dimensions
CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
Leaves = dict[tuple[str, str], list[Tensor | None]]  # {(choice, option): what its modules return; None: no tensor}
Sights = dict[str, Sight]  # {choice: what one pass shows}


def watch_twice(net: SelectableModule, x: Tensor) -> tuple[Sights, Sights]:
    """Returns what is seen of the choices to which a gradient comes back, in two passes that draw different numbers.

    While they run, alphas are spread out; afterwards the network is what it was, bit for bit.

    Args:
        x: a few inputs.
    """
    zeros = zeros_of(net)
    cheap = zeros.cheap
    try:
        zeros.cheap = False  # options that are off have weights as well
        with _alphas_set(net, _spread_rows(net)):
            passes = [_watch(net, x, seed) for seed in (0, 1)]
    finally:
        zeros.cheap = cheap
    seen = [choice for choice in passes[0] if all(sights[choice].weights.sum() > 0 for sights in passes)]
    first, second = ({choice: sights[choice] for choice in seen} for sights in passes)
    return first, second


def _watch(net: SelectableModule, x: Tensor, seed: int) -> Sights:
    """Returns what one pass shows; weights are zeros where no gradient comes back."""
    leaves: Leaves = {}
    with _left_as_it_was(net, seed), torch.enable_grad():
        net.eval()
        with hooked(_hook_options(net, leaves)):
            output = next(list_tensors(net(x.clone())))
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(output.shape, generator=generator).to(output)
        options = [leaf for group in leaves.values() for leaf in group if leaf is not None]
        alphas = list(_find_trained(net).values())
        gradients = torch.autograd.grad(output, [*options, *alphas], direction, allow_unused=True)
    by_leaf = dict(zip(map(id, [*options, *alphas]), gradients))
    return {choice: _see(net, choice, leaves, by_leaf) for choice in net.choices()}


@torch.no_grad()
def commits(net: SelectableModule, x: Tensor, sights: Sights, make_row: Callable[[Tensor], Tensor]) -> bool:
    """Whether the network runs in training too, and gives numbers, where `make_row` writes one option of each choice
    that is seen into its alphas."""
    rows = {}
    for choice, sight in sights.items():
        rows[choice] = make_row(torch.eye(len(sight.weights))[sight.weights.argmax()])
    with _alphas_set(net, rows), _left_as_it_was(net, 0):
        try:
            return all(bool(tensor.isfinite().all()) for tensor in list_tensors(net.train()(x.clone())))
        except FAILURES:
            return False


def _find_trained(net: Selectable) -> dict[int, Tensor]:
    """Returns {id: tensor} of the trained tensors of which the rows of alphas are views."""
    trained = {}
    for row in net.logits().values():
        whole = row if row._base is None else row._base
        if whole.requires_grad and whole.is_leaf:
            trained[id(whole)] = whole
    return trained


def _see(net: Selectable, choice: str, leaves: Leaves, gradients: Mapping[int, Tensor | None]) -> Sight:
    row = net.logits()[choice].detach()
    weights, gains = [], []
    for option in net.choices()[choice]:
        square, gain = _add_up(leaves[choice, option], gradients)
        weights.append(square**0.5)
        gains.append(gain)
    slopes = _find_slopes(net.logits()[choice], gradients)
    is_hidden = any(leaf is None for option in net.choices()[choice] for leaf in leaves[choice, option])
    seen = torch.zeros(len(row)) if is_hidden else torch.tensor(weights)
    return Sight(row.float().cpu().clone(), seen, torch.tensor(gains), slopes)


def _add_up(leaves: list[Tensor | None], gradients: Mapping[int, Tensor | None]) -> tuple[float, float]:
    """Returns the sum of squares of the gradients by some tensors, and the sum of the tensors times their gradients."""
    square, gain = 0.0, 0.0
    for leaf in leaves:
        gradient = gradients.get(id(leaf))
        if leaf is not None and gradient is not None:
            slope, value = gradient.cpu().double(), leaf.detach().cpu().double()
            square += float(slope.square().sum())
            gain += float((slope * value).sum())
    return square, gain


def _find_slopes(row: Tensor, gradients: Mapping[int, Tensor | None]) -> Tensor | None:
    """Returns the part of the gradient that belongs to a row of alphas; None where there is none, or one of half
    precision, in which what is added up does not cancel."""
    whole = row if row._base is None else row._base
    gradient = gradients.get(id(whole))
    if gradient is None or gradient.element_size() < 4:
        return None
    return gradient.contiguous().as_strided(row.shape, row.stride(), row.storage_offset()).float().cpu()


def make_inputs(host: Host) -> Iterator[Tensor]:
    """Yields inputs that the network might take, by its first layer that says what it reads."""
    module: Host
    if any(parameter.is_meta for parameter in host.parameters()):
        return  # where nothing can be read
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


def _record(group: list[Tensor | None]) -> Callable:
    def cut(output: Tensor) -> Tensor:
        if not output.is_floating_point():
            return output
        leaf = output.clone() if output.requires_grad else output.detach().requires_grad_()
        group.append(leaf)
        return leaf

    def hook(module: nn.Module, inputs: tuple, output: object) -> object:
        before = len(group)
        cut_output = map_nested(Tensor, cut, output)
        if len(group) == before:
            group.append(None)
        return cut_output

    return hook


def _spread_rows(net: Selectable) -> dict[str, Tensor]:
    """Returns rows of alphas that are positive and differ."""
    generator = torch.Generator().manual_seed(0)
    rows = {}
    for choice, row in net.logits().items():
        order = torch.randperm(len(row), generator=generator)
        rows[choice] = torch.linspace(0.4, 1.6, len(row))[order]
    return rows


@contextmanager
def _alphas_set(net: Selectable, rows: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside the block the alphas are others."""
    before = {choice: alpha.detach().clone() for choice, alpha in net.logits().items()}
    try:
        for choice, row in rows.items():
            _write(net, choice, row)
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
