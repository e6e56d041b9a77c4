"""The size of a network."""

from torch import Tensor, nn

from ..registry import register_measure


@register_measure("parameters")
def parameters(net: nn.Module, batches: list[tuple[Tensor, Tensor]] | None = None) -> float:
    """Number of parameters."""
    return float(sum(parameter.numel() for parameter in net.parameters()))
