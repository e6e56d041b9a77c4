"""Supernets trained by single paths: in each step an architecture is drawn, and its own weights alone are trained
(Guo et al. 2020), or every option of every choice once (FairNAS, Chu et al. 2021)."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from selection import Task
from selection.architecture import Architecture, complete_architecture, draw_architecture, realised
from selection.preserve import preserved
from selection.protocol import SelectableModule, allowed_options

from ..runtime.seed import derive_seed
from ..runtime.training import Means

SINGLE, FAIR = PATHS = ("single_path", "fair_path")


def draw_paths(net: SelectableModule, relaxation: str, seed: int, epoch: int) -> Iterator[list[Architecture]]:
    """Yields for each step the architectures that it trains; the same for the same seed and epoch."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "paths", epoch))
    while True:
        yield [draw_architecture(net, generator)] if relaxation == SINGLE else draw_fair_paths(net, generator)


def draw_fair_paths(net: SelectableModule, generator: torch.Generator) -> list[Architecture]:
    """Draws as many architectures as the largest choice has options, so that each of its options is in one of them.

    Options of smaller choices come again, as evenly as they can.
    """
    count = max(len(allowed_options(net, choice)) for choice in net.choices())
    orders = {}
    for choice in net.choices():
        options = allowed_options(net, choice)
        order = torch.randperm(len(options), generator=generator, device="cpu").tolist()
        orders[choice] = [options[order[number % len(options)]] for number in range(count)]
    paths = []
    for number in range(count):
        inputs = draw_architecture(net, generator).inputs
        paths.append(complete_architecture(net, {choice: order[number] for choice, order in orders.items()}, inputs))
    return paths


def compute_gradients(
    net: nn.Module, paths: Iterable[Architecture], x: Tensor, y: object, weights: list[nn.Parameter], task: Task
) -> tuple[Tensor, Tensor, list[Tensor | None]]:
    """Returns loss and logits of the last path, and the sum of the paths' gradients; None for what no path has."""
    total: list[Tensor | None] = [None] * len(weights)
    for path in paths:
        with realised(net, path):
            logits = net(x)
            loss = task.compute_loss(logits, y)
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for index, gradient in enumerate(gradients):
            if gradient is not None:
                before = total[index]
                total[index] = gradient if before is None else before + gradient
    return loss, logits, total


@torch.no_grad()
def evaluate_paths(
    net: nn.Module, batches: Iterable[tuple[Tensor, object]], seed: int, epoch: int, task: Task
) -> dict[str, float]:
    """Returns mean loss and accuracy of random architectures with the weights that they share, one for each batch, with
    the batch's own statistics: BatchNorm's running ones are of no architecture."""
    means = Means(task)
    paths = draw_paths(net, SINGLE, seed, -1 - epoch)
    with preserved(net, seed=0):
        net.train()
        for (x, y), (path,) in zip(batches, paths):
            with realised(net, path):
                logits = net(x)
            means.add(task.compute_loss(logits, y), x, logits, y)
    return means.row("val")
