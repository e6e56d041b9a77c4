"""Nodes of unequal scale, fixed in advance: a network that can be pruned in a known order (Caron et al. 2023)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .errors import SpaceError


class NodeScale(nn.Module):
    """Multiplies node j of m by sqrt(m lam_j), where lam_j = gamma / m + (1 - gamma) l_j / sum of l and l_j = j^(-1 /
    alpha), j = 1, ..., m.

    A node is a feature of [B, m] or a channel of [B, m, H, W], behind the activation. The scales are fixed and fall
    with j, and the lam_j sum to 1: gamma = 1 is the identity, gamma = 0 leaves nearly everything to the first nodes.
    Where gamma > 0, gradient descent on a wide layer still reaches a global minimum, the more slowly the smaller gamma
    is; where gamma < 1, the first nodes learn features, and the last ones can be left out.

    Behind BatchNorm and activation of a convolutional cell it is an extension of ours, not in the paper; in front of a
    BatchNorm it is cancelled. Never choose gamma by the neural tangent kernel: its expectation is the same for every
    gamma, and on a network's own kernel the smallest eigenvalue always prefers gamma = 1. Choose it by the accuracy
    that is left after pruning.

    Source: Caron, Ayed, Jung, Lee, Lee & Yang (2023), arXiv 2302.01002; the factors are those of its code, but for the
    ranks, which start at 1 here.

    Args:
        width: m, the number of nodes.
        gamma: share of the symmetric part, in [0, 1].
        alpha: in (0, 1); the smaller, the faster the scales fall.

    Raises:
        SpaceError: gamma or alpha is out of range, or there is no node.

    >>> scaling = NodeScale(3, gamma=0.0)
    >>> [round(value, 3) for value in scaling.weights.tolist()]
    [0.735, 0.184, 0.082]
    >>> scaling.keep(1)
    >>> [round(value, 3) for value in scaling(torch.ones(1, 3))[0].tolist()]
    [1.485, 0.0, 0.0]
    >>> NodeScale(3, gamma=1.0)(torch.ones(1, 3)).tolist()
    [[1.0, 1.0, 1.0]]
    """

    __jit_unused_properties__ = ("weights", "kept")  # TorchScript would compile them
    scale: Tensor
    awake: Tensor

    def __init__(self, width: int, gamma: float, alpha: float = 0.5):
        super().__init__()
        if width < 1:
            raise SpaceError(f"a layer of {width} nodes has none to scale")
        if not isinstance(gamma, (int, float)) or not 0 <= gamma <= 1:
            raise SpaceError(f"gamma is in [0, 1], from fully unequal nodes to equal ones, not {gamma}")
        if not 0 < alpha < 1:
            raise SpaceError(f"alpha is in (0, 1), not {alpha}")
        self.width = width
        self.gamma = gamma
        self.alpha = alpha
        # on the CPU, as the device on which a network is built may have no float64
        powers = torch.arange(1, width + 1, dtype=torch.float64, device="cpu") ** (-1 / alpha)
        relative = gamma + (1 - gamma) * width * powers / powers.sum()  # m lam: exactly 1 where gamma is
        scale = relative.sqrt().to(torch.get_default_dtype())
        self.register_buffer("scale", scale.to(torch.get_default_device()))
        # in the state_dict, which thus says what the network computes: a pruned network that is saved and loaded stays
        # pruned
        self.register_buffer("awake", torch.ones(width, dtype=torch.bool))

    @property
    def weights(self) -> Tensor:
        """lam [width], whose sum is 1."""
        return self.scale.square() / self.width

    @property
    def kept(self) -> int:
        """The number of nodes that are not silenced."""
        return int(self.awake.sum())

    def keep(self, count: int) -> None:
        """Keeps the first `count` nodes, those of largest scale, and silences the others; `keep(width)` wakes all.

        Raises:
            SpaceError: there are not that many nodes.
        """
        if not 0 <= count <= self.width:
            raise SpaceError(f"of {self.width} nodes {count} cannot be kept")
        self.awake.copy_(torch.arange(self.width, device=self.awake.device) < count)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, ...] -> the same shape and type, scaled; silenced nodes are 0."""
        if x.dim() < 2 or x.shape[1] != self.width:
            raise SpaceError(f"a NodeScale of {self.width} nodes takes [B, {self.width}, ...], not {list(x.shape)}")
        scale = torch.where(self.awake, self.scale, 0).to(x.dtype)
        return x * scale.view([-1] + [1] * (x.dim() - 2))

    def extra_repr(self) -> str:
        """Returns its settings, for print."""
        return f"{self.width}, gamma={self.gamma}, alpha={self.alpha}"


def list_node_scales(net: nn.Module) -> list[NodeScale]:
    """Returns the NodeScales of a network, in the order in which they were registered.

    Raises:
        SpaceError: there is none.
    """
    scales = [module for module in net.modules() if isinstance(module, NodeScale)]
    if not scales:
        raise SpaceError("the network has no NodeScale: its nodes are in no known order")
    return scales


@contextmanager
def prune_nodes(net: nn.Module, share: float) -> Iterator[None]:
    """Silences the given share of nodes of smallest scale in every NodeScale within the block (rounded to whole nodes);
    undone exactly, whatever happens.

    Nodes that are silent already stay so. The order is that of the scales alone, as in the paper, whose output weights
    are +-1 and frozen: weights that were trained behind the NodeScale are not looked at.

    Args:
        share: in [0, 1].

    Raises:
        SpaceError: share is out of range, or the network has no NodeScale.

    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), NodeScale(4, gamma=0.5), nn.Linear(4, 1))
    >>> with prune_nodes(net, 0.75):
    ...     net[2].kept
    1
    >>> net[2].kept
    4
    """
    if not 0 <= share <= 1:
        raise SpaceError(f"a share of nodes is in [0, 1], not {share}")
    before = [(scaling, scaling.awake.clone()) for scaling in list_node_scales(net)]
    try:
        for scaling, _ in before:
            scaling.keep(min(scaling.kept, scaling.width - round(share * scaling.width)))
        yield
    finally:
        for scaling, awake in before:
            scaling.awake.copy_(awake)


@torch.no_grad()
def top_nodes(net: nn.Module, x: Tensor, k: int) -> Tensor:
    """Returns the k features of largest scale that come out of the last NodeScale of a forward pass.

    They are [B, k] or [B, k, H, W] for inputs x [B, ...], scaled, without gradient.

    For transfer: the network is a frozen feature extractor, in eval mode; its modes are left as they were (Caron et al.
    2023, experiments).

    Raises:
        SpaceError: the last NodeScale has fewer than k nodes, or the network has or uses none.

    >>> net = nn.Sequential(NodeScale(3, gamma=0.0), nn.Linear(3, 1))
    >>> top_nodes(net, torch.ones(5, 3), 2).shape
    torch.Size([5, 2])
    """
    last: list[Tensor] = []

    def record(scaling: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        last[:] = [output]

    modes = [(module, module.training) for module in net.modules()]
    hooks = [scaling.register_forward_hook(record) for scaling in list_node_scales(net)]
    try:
        net.eval()(x)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
    if not last:
        raise SpaceError("the network uses none of its NodeScales")
    width = last[0].shape[1]
    if not 1 <= k <= width:
        raise SpaceError(f"the last NodeScale has {width} nodes, not {k}")
    return last[0][:, :k]
