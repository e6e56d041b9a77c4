"""Signals: a supernet of 1-D convolutions that predicts a number, here how often a wave goes up and down.

Regression has no accuracy: it is judged by its loss, or by a metric of your own.

    python examples/task_signals.py
"""

import math

import torch
from torch import nn

import selection


class MixedOp(nn.Module):
    """The weighted sum of the candidates, in the order of NAMES."""

    NAMES = ("none", "skip_connect", "conv_3", "conv_9")

    def __init__(self, channels: int):
        super().__init__()
        self._ops = nn.ModuleList([Zero(), nn.Identity(), convolve(channels, 3), convolve(channels, 9)])

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return sum(weight * op(x) for weight, op in zip(weights, self._ops))


class Zero(nn.Module):
    """Nothing comes through."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0 * x


def convolve(channels: int, size: int) -> nn.Module:
    """Returns ReLU and a convolution of that size."""
    return nn.Sequential(nn.ReLU(), nn.Conv1d(channels, channels, size, padding=size // 2))


class Network(nn.Module):
    """signals [B, 1, T] -> a number each [B]."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.stem = nn.Conv1d(1, channels, 3, padding=1)
        self.edges = nn.ModuleList(MixedOp(channels) for _ in range(3))
        self.head = nn.Linear(channels, 1)
        self.alphas = nn.Parameter(1e-3 * torch.randn(3, len(MixedOp.NAMES)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for edge, weights in zip(self.edges, self.alphas.softmax(-1)):
            x = edge(x, weights)
        return self.head(x.abs().mean(2)).squeeze(1)


def draw(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws waves [count, 1, 64] of 2 to 12 periods, in noise, and how many periods each has [count]."""
    generator = torch.Generator().manual_seed(seed)
    periods = 2 + 10 * torch.rand(count, 1, generator=generator)
    phases = 2 * math.pi * torch.rand(count, 1, generator=generator)
    waves = torch.sin(2 * math.pi * periods * torch.linspace(0, 1, 64) + phases)
    x = waves + 0.2 * torch.randn(count, 64, generator=generator)
    return x[:, None], periods.squeeze(1)


def explained(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The share of the targets' variance that is explained (R squared)."""
    return float(1 - (outputs - targets).square().mean() / targets.var(correction=0))


def main() -> None:
    torch.manual_seed(0)
    model = Network()
    x, y = draw(256, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.huber_loss(model(x), y).backward()
        optimizer.step()

    net = selection.adapt(model, kind="generic", excluded=["Zero"])
    batches = [draw(64, seed=1), draw(64, seed=2)]
    print(f"explained: {selection.measure('accuracy', net, *batches[0], metric=explained):.3f}")
    for criterion, task in (
        ("perturbation_loss", {"loss": nn.HuberLoss()}),
        ("taylor", {"loss": nn.HuberLoss()}),
        ("perturbation", {"metric": explained}),
        ("ntk", {}),
    ):
        chosen = selection.select(net, criterion, "oneshot", batches=batches, **task)
        print(f"{criterion:18} {list(chosen.decisions.values())}")


if __name__ == "__main__":
    main()
