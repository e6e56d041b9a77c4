"""What a measure, a lift and a criterion must hold to: contract tests for those who add their own, and a planted case
in which the right answer is known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .batches import Batches
from .evaluator import Evaluator
from .protocol import Selectable
from .registry import find_lift, find_measure
from .selecting import score, select

USEFUL = "nor_conv_3x3"
Case = tuple[nn.Module, Batches]


class Planted(nn.Module):
    """A selectable network whose right architecture is known: on both edges alpha favours the identity, and only the
    convolution tells the classes apart.

    It answers `textures()` without a mistake; without either convolution it guesses, without an identity it does not.

    >>> net, (x, y) = Planted(), textures()
    >>> (net(x).argmax(1) == y).float().mean().item()
    1.0
    """

    def __init__(self) -> None:
        super().__init__()
        torch_state = torch.get_rng_state()
        self.edges = nn.ModuleList(
            nn.ModuleDict(
                {"none": Zero(), "skip_connect": nn.Identity(), USEFUL: nn.Conv2d(1, 1, 3, padding=1, bias=False)}
            )
            for _ in range(2)
        )
        self.head = nn.Linear(1, 2)
        torch.set_rng_state(torch_state)
        self.relu, self.alpha = nn.ReLU(), nn.Parameter(torch.tensor([[-1.0, 2.0, 0.0]] * 2))
        with torch.no_grad():
            for edge in self.edges:
                edge[USEFUL].weight.copy_(torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]))
            self.head.weight.copy_(torch.tensor([[-20.0], [20.0]]))
            self.head.bias.copy_(torch.tensor([52.6, -52.6]))

    def forward(self, x: Tensor) -> Tensor:
        """images [B, 1, H, W] -> logits [B, 2]: the sum over the edges of the mean absolute value of what they carry,
        away from the border."""
        total = 0
        for weights, edge in zip(self.alpha.softmax(1), self.edges):
            mixed = sum(weight * option(x) for weight, option in zip(weights, edge.values())) + torch.zeros_like(x)
            inner = mixed[:, :, 1:-1, 1:-1]
            total = total + (self.relu(inner) + self.relu(-inner)).mean((2, 3))
        return self.head(total)

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """Two choices of three options."""
        return {
            f"cell/{row}/op": {name: [option] for name, option in edge.items()} for row, edge in enumerate(self.edges)
        }

    def logits(self) -> dict[str, Tensor]:
        """Rows of alpha."""
        return {f"cell/{row}/op": self.alpha[row] for row in range(2)}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """All edges stay."""
        return {}


class Zero(nn.Module):
    """Returns zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def textures(count: int = 20) -> tuple[Tensor, Tensor]:
    """Flat images and checkerboards of the same mean, [count, 1, 8, 8], with a little noise; labels 0 and 1."""
    y = torch.arange(count) % 2
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    noise = 0.001 * torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.stack([1 + board * label for label in y])[:, None] + noise, y


def check_measure(name: str, better: Case, worse: Case, **settings) -> None:
    """Raises AssertionError unless a registered measure repeats itself, leaves the network as it was, and is higher for
    the better case.

    Args:
        better, worse: (network, batches) each, of which the first is known to be the better one in the sense of the
            measure.

    >>> check_measure("parameters", (nn.Linear(3, 2), []), (nn.Linear(2, 2), []))
    """
    measure = find_measure(name)

    def taken(net: nn.Module, batches: Batches) -> float:
        return _repeated(net, lambda: measure(net, batches, **settings), name)

    high, low = taken(*better), taken(*worse)
    assert isinstance(high, float), f"{name} returns a {type(high).__name__}, not a float"
    assert high > low, f"{name} is {high} for the better case and {low} for the worse: higher must be better"


def check_lift(
    name: str, measure: str | None = "loss", net: Selectable | None = None, batches: Batches | None = None
) -> None:
    """Raises AssertionError unless a registered lift scores every option of every choice, repeats itself, leaves the
    network as it was, and does not depend on the order of options.

    Args:
        measure: what it lifts; None for a reading of the network alone.
        net, batches: where to try it; the planted case, if not given.
    """
    net, batches, lift = net or Planted(), batches or [textures()], find_lift(name)

    def scores(net: Selectable) -> dict[str, dict[str, float]]:
        evaluator = Evaluator(net, find_measure(measure) if measure else None, batches)
        return {choice: lift(evaluator, choice) for choice in net.choices()}

    found = _repeated(net, lambda: scores(net), name)
    assert {choice: set(options) for choice, options in found.items()} == {
        choice: set(options) for choice, options in net.choices().items()
    }, f"{name} does not score every option: {found}"
    with _reordered(net):
        assert scores(net) == found, f"{name} depends on the order of the options"


def check_criterion(name: str, *, finds_planted: bool = True) -> None:
    """Raises AssertionError unless a criterion holds to the contract of lifts on the planted network, and chooses its
    convolutions.

    Args:
        finds_planted: False for one that need not find them, as magnitude, which is what the case is made against.

    >>> check_criterion("perturbation")
    """
    net, batches = Planted(), [textures()]
    found = _repeated(net, lambda: score(net, name, batches), name)
    with _reordered(net):
        assert score(net, name, batches) == found, f"{name} depends on the order of the options"
    chosen = _repeated(net, lambda: select(net, name, "oneshot", batches=batches, seed=1).decisions, name)
    if finds_planted:
        assert set(chosen.values()) == {USEFUL}, f"{name} chooses {chosen} where only {USEFUL} is of use"


@contextmanager
def _reordered(net: Selectable) -> Iterator[None]:
    """Inside the block every choice names its options, and their alphas, in the opposite order."""
    choices, logits = net.choices(), net.logits()
    net.choices = lambda: {choice: dict(reversed(options.items())) for choice, options in choices.items()}
    net.logits = lambda: {choice: alpha.flip(0) for choice, alpha in logits.items()}
    try:
        yield
    finally:
        del net.choices, net.logits


def _repeated(net: nn.Module, compute: Callable[[], object], name: str) -> object:
    """The result, if it comes out the same twice and leaves no trace."""
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
    modules = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks), "forward" in module.__dict__)
        for module in net.modules()
    ]
    return [*state, *gradients, torch.get_rng_state(), modules]


def _same(first: list, second: list) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a is b or a == b
        for a, b in zip(first, second)
    )
