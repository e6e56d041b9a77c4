"""DARTS code that you have already: two lines, and every criterion here chooses on your trained supernet.

`Network` stands for yours: mixed operations that hold their candidates in a ModuleList, one table of alphas. It knows
nothing of this package. (Networks of quark0/darts, darts-pt, PC-DARTS, pt.darts, AutoDL-Projects and NASLib are
recognised as they are.)

    python examples/own_darts_code.py
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

import selection


class Conv(nn.Sequential):
    """ReLU, convolution, BatchNorm."""

    def __init__(self):
        super().__init__(nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8, affine=False))


class MixedOp(nn.Module):
    """The weighted sum of all operations of an edge."""

    def __init__(self):
        super().__init__()
        self._ops = nn.ModuleList([nn.Identity(), nn.AvgPool2d(3, 1, 1), Conv()])

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return sum(weight * op(x) for weight, op in zip(weights, self._ops))


class Network(nn.Module):
    """Three edges in a row, three operations on each."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 1, bias=False)
        self.classifier = nn.Linear(8, 2)
        self.edges = nn.ModuleList(MixedOp() for _ in range(3))
        self.alphas = nn.Parameter(1e-3 * torch.randn(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for edge, weights in zip(self.edges, self.alphas.softmax(-1)):
            x = edge(x, weights)
        return self.classifier(x.abs().mean((2, 3)))


def stripes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws images [count, 1, 12, 12] with stripes across (0) or down (1), in noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (count,), generator=generator)
    across = (torch.arange(12) % 2).float()[None, :, None].expand(count, 12, 12)
    x = torch.where(y[:, None, None] == 1, across.transpose(1, 2), across)
    x = x + 0.5 * torch.randn(count, 12, 12, generator=generator)
    return x[:, None], y


def train(model: nn.Module, steps: int) -> None:
    """Stands for your training, whatever it is; alphas and weights together here."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    x, y = stripes(256, seed=0)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def main() -> None:
    # A supernet that you have trained already.
    torch.manual_seed(0)
    model = Network()
    train(model, 60)
    before = copy.deepcopy(model.state_dict())

    # A search finds its mixed operations and their alphas; print them to see whether they are the right ones.
    net = selection.adapt(model, kind="generic")
    print(net)

    # Every criterion chooses from images that the training has not seen.
    batches = [stripes(256, seed=1)]
    for criterion, strategy in (("magnitude", "oneshot"), ("perturbation_loss", "oneshot"), ("ntk", "progressive")):
        chosen = selection.select(net, criterion, strategy, batches=batches)
        print(f"{criterion:18} {list(chosen.decisions.values())}")

    # Selecting only looks: nothing of the network has changed, so that one supernet serves all criteria.
    same = all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    print(f"the network is what it was: {same}")

    # Or decide one edge at a time and train in between, as DARTS-PT does: `tune` is your own training.
    chosen = selection.select(net, "perturbation_loss", batches=batches, tune=lambda decisions: train(model, 10))
    print(f"trained in between {list(chosen.decisions.values())}")


if __name__ == "__main__":
    main()
