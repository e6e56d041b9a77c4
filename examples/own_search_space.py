"""A search space of your own: any network that answers three questions is selected on like the shipped ones.

A small classifier of stripes chooses the size of its kernel and its activation. It is trained as it stands, alphas and
weights together, and then several criteria say what they would keep.

    python examples/own_search_space.py
"""

import torch
from torch import nn
from torch.nn import functional as F

import selection


class Mine(nn.Module):
    """One edge with two choices: the operation, and the activation behind it."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 1)
        self.ops = nn.ModuleDict()
        for size in (1, 3, 5):
            self.ops[f"conv_{size}x{size}"] = nn.Conv2d(channels, channels, size, padding=size // 2)
        self.acts = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        self.head = nn.Linear(channels, 2)
        self.alpha_op = nn.Parameter(torch.zeros(3))
        self.alpha_act = nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = sum(weight * op(x) for weight, op in zip(self.alpha_op.softmax(0), self.ops.values()))
        x = sum(weight * act(x) for weight, act in zip(self.alpha_act.softmax(0), self.acts.values()))
        return self.head(x.mean((2, 3)))

    def choices(self) -> dict[str, dict[str, list[nn.Module]]]:
        """Returns {choice: {option: every module that carries it, to be masked}}; choices are named GROUP/EDGE/KIND."""
        return {
            "cell/0/op": {name: [op] for name, op in self.ops.items()},
            "cell/0/act": {name: [act] for name, act in self.acts.items()},
        }

    def logits(self) -> dict[str, torch.Tensor]:
        """Returns {choice: its alphas, in the order of the options}: magnitude reads them."""
        return {"cell/0/op": self.alpha_op, "cell/0/act": self.alpha_act}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns {node: (how many edges it keeps, the choices on them)}; empty, as every edge stays here."""
        return {}


def stripes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws images [count, 1, 12, 12] with stripes across (0) or down (1), of width 1, in noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (count,), generator=generator)
    across = (torch.arange(12) % 2).float()[None, :, None].expand(count, 12, 12)
    x = torch.where(y[:, None, None] == 1, across.transpose(1, 2), across)
    x = x + 0.5 * torch.randn(count, 12, 12, generator=generator)
    return x[:, None], y


def main() -> None:
    # Train the mixture of all options, as DARTS does; alphas are parameters like the others here.
    torch.manual_seed(0)
    net = Mine()
    x, y = stripes(256, seed=0)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    # Choose on images that the training has not seen: a supernet that is not right yet has little to say.
    batches = [stripes(256, seed=1)]
    accuracy = selection.measure("accuracy", net, *batches[0])
    print(f"supernet: {accuracy:.0%} right")

    # The tangent kernel decides edge after edge, since every decision changes it; the others decide all at once.
    for criterion in ("magnitude", "perturbation_loss", "taylor", "ntk"):
        strategy = "progressive" if criterion == "ntk" else "oneshot"
        chosen = selection.select(net, criterion, strategy, batches=batches)
        print(f"{criterion:18} {', '.join(chosen.decisions.values())}")


if __name__ == "__main__":
    main()
