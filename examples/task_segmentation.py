"""Segmentation: a class for every pixel, on a supernet of your own; judged by pixels, and by intersection over union.

python examples/task_segmentation.py
"""

import torch
from torch import nn
from torch.nn import functional as F

import selection


class MixedOp(nn.Module):
    """The weighted sum of three operations."""

    def __init__(self, channels: int):
        super().__init__()
        self.ops = nn.ModuleDict(
            {
                "skip": nn.Identity(),
                "conv_1x1": nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 1)),
                "conv_5x5": nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 5, padding=2)),
            }
        )

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return sum(weight * op(x) for weight, op in zip(weights, self.ops.values()))


class Network(nn.Module):
    """images [B, 1, H, W] -> logits [B, 3, H, W]."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 1)
        self.edges = nn.ModuleList(MixedOp(channels) for _ in range(3))
        self.head = nn.Conv2d(channels, 3, 1)
        self.alphas = nn.Parameter(1e-3 * torch.randn(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for edge, weights in zip(self.edges, self.alphas.softmax(-1)):
            x = edge(x, weights)
        return self.head(x)


def draw(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws images [count, 1, 12, 12] of a small and a large square in noise, and the class of each pixel: background,
    small, large. A pixel alone does not tell them apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(count, 12, 12, dtype=torch.long)
    corners = torch.randint(0, 4, (count, 4), generator=generator).tolist()
    for label, (top, left, lower, right) in zip(labels, corners):
        label[top : top + 2, left : left + 2] = 1
        label[lower + 5 : lower + 9, right + 5 : right + 9] = 2
    x = (labels > 0).float() + 0.3 * torch.randn(count, 12, 12, generator=generator)
    return x[:, None], labels


def mean_iou(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean intersection over union; asked once, of all batches together."""
    guessed = outputs.argmax(1)
    shares = []
    for kind in range(3):
        both = ((guessed == kind) & (labels == kind)).sum()
        either = ((guessed == kind) | (labels == kind)).sum()
        shares.append(float(both / either.clamp(min=1)))
    return sum(shares) / len(shares)


def main() -> None:
    torch.manual_seed(0)
    model = Network()
    x, y = draw(128, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    net = selection.adapt(model, kind="generic")
    batches = [draw(32, seed=1), draw(32, seed=2)]
    print(f"accuracy of pixels {selection.measure('accuracy', net, *batches[0]):.3f}")
    for criterion, metric in (("perturbation", None), ("perturbation", mean_iou), ("perturbation_loss", None)):
        chosen = selection.select(net, criterion, "oneshot", batches=batches, metric=metric)
        judge = "mean IoU" if metric else ""
        print(f"{criterion:18} {judge:9} {list(chosen.decisions.values())}")

    # a kernel of so many outputs: their sum, or the mean over random projections
    for outputs in ("sum", 4):
        settings = {"ntk": {"outputs": outputs, "images": 8}}
        chosen = selection.select(net, "ntk", "progressive", batches=batches, settings=settings)
        print(f"ntk, outputs {outputs!s:4} {list(chosen.decisions.values())}")


if __name__ == "__main__":
    main()
