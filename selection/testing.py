"""Contract tests for those who add a measure, a lift or a criterion, and a planted case in which the right answer is
known."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .batches import Batches
from .evaluator import Evaluator
from .protocol import SelectableModule
from .registry import find_lift, find_measure
from .selecting import score, select

USEFUL = "nor_conv_3x3"
Case = tuple[nn.Module, Batches]
Result = TypeVar("Result")


class Planted(nn.Module):
    """A selectable network whose right architecture is known: on both edges alpha favours the identity, and only the
    convolution tells the classes apart.

    It answers `textures()` without a mistake; without either convolution it guesses, without an identity it does not.

    >>> net, (x, y) = Planted(), textures()
    >>> (net(x).argmax(1) == y).float().mean().item()
    1.0
    """

    edges: Any  # nn.ModuleList of nn.ModuleDict

    def __init__(self) -> None:
        super().__init__()
        random_state = torch.get_rng_state()
        self.edges = nn.ModuleList(_make_edge() for _ in range(2))
        self.head = nn.Linear(1, 2)
        torch.set_rng_state(random_state)
        self.relu = nn.ReLU()
        self.alpha = nn.Parameter(torch.tensor([[-1.0, 2.0, 0.0]] * 2))
        edge_detector = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]])
        with torch.no_grad():
            for edge in self.edges:
                edge[USEFUL].weight.copy_(edge_detector)
            self.head.weight.copy_(torch.tensor([[-20.0], [20.0]]))
            self.head.bias.copy_(torch.tensor([52.6, -52.6]))

    def forward(self, x: Tensor) -> Tensor:
        """images [B, 1, H, W] -> logits [B, 2]: the sum over the edges of the mean absolute value of what they carry,
        away from the border."""
        total = 0
        for weights, edge in zip(self.alpha.softmax(1), self.edges):
            mixed = sum(weight * option(x) for weight, option in zip(weights, edge.values()))
            mixed = mixed + torch.zeros_like(x)  # where all options are switched off
            inner = mixed[:, :, 1:-1, 1:-1]
            total = total + (self.relu(inner) + self.relu(-inner)).mean((2, 3))
        return self.head(total)

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """Returns two choices of three options."""
        choices = {}
        for row, edge in enumerate(self.edges):
            choices[f"cell/{row}/op"] = {name: [option] for name, option in edge.items()}
        return choices

    def logits(self) -> dict[str, Tensor]:
        """Returns the rows of alpha."""
        return {f"cell/{row}/op": self.alpha[row] for row in range(2)}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns no nodes: all edges stay."""
        return {}


class Zero(nn.Module):
    """The operation `none`: returns zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def _make_edge() -> nn.ModuleDict:
    convolution = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    return nn.ModuleDict({"none": Zero(), "skip_connect": nn.Identity(), USEFUL: convolution})


def textures(count: int = 20) -> tuple[Tensor, Tensor]:
    """Flat images and checkerboards of the same mean, [count, 1, 8, 8], with a little noise; labels 0 and 1."""
    y = torch.arange(count) % 2
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    generator = torch.Generator().manual_seed(0)
    noise = 0.001 * torch.randn(count, 1, 8, 8, generator=generator)
    images = torch.stack([1 + board * label for label in y])[:, None]
    return images + noise, y


def check_measure(name: str, better: Case, worse: Case, **settings) -> None:
    """Raises AssertionError unless a registered measure repeats itself, leaves the network as it was, and is higher for
    the better case.

    Args:
        better, worse: (network, batches) each, of which the first is known to be the better one in the sense of the
            measure.

    >>> check_measure("parameters", (nn.Linear(3, 2), []), (nn.Linear(2, 2), []))
    """
    measure = find_measure(name)

    def take(net: nn.Module, batches: Batches) -> float:
        return _repeat(net, lambda: measure(net, batches, **settings), name)

    high, low = take(*better), take(*worse)
    assert isinstance(high, float), f"{name} returns a {type(high).__name__}, not a float"
    assert high > low, f"{name} is {high} for the better case and {low} for the worse: higher must be better"


def check_lift(
    name: str, measure: str | None = "loss", net: SelectableModule = None, batches: Batches | None = None
) -> None:
    """Raises AssertionError unless a registered lift scores every option of every choice, repeats itself, leaves the
    network as it was, and does not depend on the order of options.

    Args:
        measure: what it lifts; None for a reading of the network alone.
        net, batches: where to try it; the planted case, if not given.
    """
    net = net or Planted()
    batches = batches or [textures()]
    lift = find_lift(name)

    def score_options() -> dict[str, dict[str, float]]:
        evaluator = Evaluator(net, find_measure(measure) if measure else None, batches)
        return {choice: lift(evaluator, choice) for choice in net.choices()}

    scores = _repeat(net, score_options, name)
    assert _names(scores) == _names(net.choices()), f"{name} does not score every option: {scores}"
    with _reordered(net):
        assert score_options() == scores, f"{name} depends on the order of the options"


def check_criterion(name: str, *, finds_planted: bool = True) -> None:
    """Raises AssertionError unless a criterion holds to the contract of lifts on the planted network, and chooses its
    convolutions.

    Args:
        finds_planted: False for one that need not find them, as magnitude, which is what the case is made against.

    >>> check_criterion("perturbation")
    """
    net, batches = Planted(), [textures()]
    scores = _repeat(net, lambda: score(net, name, batches), name)
    with _reordered(net):
        assert score(net, name, batches) == scores, f"{name} depends on the order of the options"
    chosen = _repeat(net, lambda: select(net, name, "oneshot", batches=batches, seed=1).decisions, name)
    if finds_planted:
        assert set(chosen.values()) == {USEFUL}, f"{name} chooses {chosen} where only {USEFUL} is of use"


def _names(options_by_choice: Mapping[str, Mapping]) -> dict[str, set[str]]:
    return {choice: set(options) for choice, options in options_by_choice.items()}


@contextmanager
def _reordered(net: SelectableModule) -> Iterator[None]:
    """Inside the block every choice names its options, and their alphas, in the opposite order."""
    choices, logits = net.choices(), net.logits()
    net.choices = lambda: {choice: dict(reversed(options.items())) for choice, options in choices.items()}
    net.logits = lambda: {choice: alpha.flip(0) for choice, alpha in logits.items()}
    try:
        yield
    finally:
        del net.choices, net.logits


def _repeat(net: nn.Module, compute: Callable[[], Result], name: str) -> Result:
    """Returns the result, if it comes out the same twice and leaves no trace."""
    torch.manual_seed(7)
    before = _traces(net)
    first, second = compute(), compute()
    assert _same(_traces(net), before), (
        f"{name} does not leave the network, its gradients or the random state as they were"
    )
    assert first == second, f"{name} does not repeat itself: {first}, then {second}"
    return first


def _traces(net: nn.Module) -> list:
    state = [tensor.clone() for tensor in [*net.parameters(), *net.buffers()]]
    gradients = [None if parameter.grad is None else parameter.grad.clone() for parameter in net.parameters()]
    modules = []
    for module in net.modules():
        hooks = (len(module._forward_hooks), len(module._forward_pre_hooks))
        modules.append((module.training, hooks, "forward" in module.__dict__))
    return [*state, *gradients, torch.get_rng_state(), modules]


def _same(first: list, second: list) -> bool:
    return all(_are_equal(a, b) for a, b in zip(first, second))


def _are_equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    return a is b or a == b
