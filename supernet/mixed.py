"""The places of choices: what an edge's operation is, through which activation it reads its input, and whether the
input is added to its output.

Each is the weighted sum of its options (Liu et al. 2019, eq. 2), and each option is a module of its own, so that a
selector can switch it off.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from .activations import build_activation
from .edge import ADD_SKIP
from .operations import CONVOLUTIONS, Zero, build_added_skip, build_operation


class MixedActivation(nn.Module):
    """The weighted sum of several activations of one tensor.

    >>> MixedActivation(("relu", "identity"))(torch.tensor([-1.0, 1.0]), torch.tensor([0.5, 0.25]))
    tensor([-0.2500,  0.7500])
    """

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = tuple(names)
        self.options = nn.ModuleList(build_activation(name) for name in names)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """x of any shape, weights [options] -> the same shape."""
        total = weighted_sum(self.options, x, weights)
        return total if total.dim() else torch.zeros_like(x)  # modules that are switched off return a 0-dim zero


class AddedSkip(nn.Module):
    """The choice of adding an edge's input (at stride 2 its projection) to its operation's output: `no_skip` adds
    nothing.

    >>> AddedSkip(channels=2)(torch.ones(1, 2, 1, 1), torch.tensor([0.9, 0.1])).flatten()
    tensor([0.1000, 0.1000])
    """

    names = ("no_skip", ADD_SKIP)

    def __init__(self, channels: int, stride: int = 1, in_channels: int | None = None):
        super().__init__()
        added = build_added_skip(channels, stride, affine=False, in_channels=in_channels)
        self.options = nn.ModuleList([Zero(stride, channels), added])

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """x [B, C, H, W], weights [2] -> [B, C, H', W']."""
        return weighted_sum(self.options, x, weights)


class MixedOp(nn.Module):
    """All options of one edge, and their weighted sum (Liu et al. 2019, eq. 2).

    Args:
        options: names of operations.
        activations: of its convolutions; where there are several they are mixed once, for all of them.
        added_skip: whether the input may be added to the sum.
        in_channels: of the input, where it has others than the output.

    >>> edge = MixedOp(("skip_connect", "max_pool_3x3"), channels=4)
    >>> edge(torch.ones(2, 4, 8, 8), torch.tensor([0.25, 0.75])).shape
    torch.Size([2, 4, 8, 8])
    """

    def __init__(
        self,
        options: Sequence[str],
        channels: int,
        stride: int = 1,
        *,
        affine: bool = False,
        pool_norm: bool = True,
        activations: Sequence[str] = ("relu",),
        added_skip: bool = False,
        in_channels: int | None = None,
    ):
        super().__init__()
        self.names = tuple(options)
        self.stride = stride
        self.in_channels = in_channels
        parametric = not set(options).isdisjoint(CONVOLUTIONS)
        mixes = len(activations) > 1
        activation = None if mixes else activations[0]
        self.options = nn.ModuleList(
            build_operation(
                name,
                channels,
                stride,
                affine=affine,
                pool_norm=pool_norm,
                activation=activation,
                in_channels=in_channels,
            )
            for name in options
        )
        self.activation = MixedActivation(activations) if parametric and mixes else None
        self.skip = AddedSkip(channels, stride, in_channels) if parametric and added_skip else None

    def is_activated(self, option: str) -> bool:
        """Whether the option reads the edge's input through the edge's mixed activation."""
        return self.activation is not None and option in CONVOLUTIONS

    def forward(self, x: Tensor, weights: Tensor, act: Tensor | None = None, skip: Tensor | None = None) -> Tensor:
        """x [B, C, H, W], weights of the operations, the activations and the added skip -> [B, C, H', W']."""
        activated = self.activation(x, act) if self.activation is not None else x
        total: Tensor | Any = 0
        for name, option, weight in zip(self.names, self.options, weights):
            total = total + weight * option(activated if self.is_activated(name) else x)
        return total if self.skip is None else total + self.skip(x, skip)


def weighted_sum(options: nn.ModuleList, x: Tensor, weights: Tensor) -> Tensor:
    """Returns sum_k weights[k] * options[k](x)."""
    return reduce(torch.add, [weight * option(x) for weight, option in zip(weights, options)])
