"""Activation functions by name: torch's, timm's, and two of our own."""

from typing import Any

import torch
from torch import Tensor, nn

from .errors import SpaceError, unknown


class Erf(nn.Module):
    """erf(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.erf(x)


class Sin(nn.Module):
    """sin(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


OURS: dict[str, type[nn.Module]] = {"erf": Erf, "sin": Sin}
TORCH: dict[str, type[nn.Module]] = {
    "celu": nn.CELU,
    "elu": nn.ELU,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_swish": nn.Hardswish,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "swish": nn.SiLU,
}
_TYPES = {*OURS.values(), *TORCH.values()}
TIMM = ("gelu", "gelu_tanh", "hard_mish", "prelu", "quick_gelu", "sigmoid", "tanh")


def list_activations() -> list[str]:
    """Returns the names that `activations` of a space can hold.

    >>> [name for name in list_activations() if "elu" in name]
    ['celu', 'elu', 'gelu', 'gelu_tanh', 'leaky_relu', 'prelu', 'quick_gelu', 'relu', 'relu6', 'selu']
    """
    return sorted([*OURS, *TORCH, *TIMM])


def build_activation(name: str) -> nn.Module:
    """Builds the activation of that name.

    Raises:
        SpaceError: the name is unknown.

    >>> build_activation("leaky_relu")(torch.tensor([-1.0, 1.0]))
    tensor([-0.0100,  1.0000])
    """
    if name not in list_activations():
        raise unknown("activation", name, list_activations())
    if name in TIMM:
        return _build_timms(name)
    return {**OURS, **TORCH}[name]()


# timm's block returns False at its end, which its type does not say
def _build_timms(name: str) -> nn.Module:  # pyright: ignore[reportReturnType]
    from timm.layers.config import set_layer_config  # slow to import
    from timm.layers.create_act import get_act_layer

    with set_layer_config(exportable=True):  # plain formulas: timm's memory-saving ones have no vmap rule
        layer: Any = get_act_layer(name)
        return layer()


def is_weightless_activation(layer: nn.Module) -> bool:
    """Returns whether the layer is an activation of a space, and one without weights (prelu has some)."""
    built_here = type(layer) in _TYPES or type(layer).__module__ == "timm.layers.activations"
    return built_here and not layer._parameters


def check_activations(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names, or raises SpaceError: none at all, an unknown one, or one twice."""
    if not isinstance(names, tuple) or not names:
        raise SpaceError(f"activations is a tuple of names, as ('relu', 'gelu'), not {names!r}")
    for name in names:
        build_activation(name)
    if len(set(names)) < len(names):
        raise SpaceError(f"activations names one twice: {', '.join(names)}")
    return tuple(names)


def is_twice_differentiable(name: str) -> bool:
    """Returns whether autograd can differentiate the activation twice, as an exact hypergradient does.

    Its curvature may still be zero.

    >>> is_twice_differentiable("relu"), is_twice_differentiable("hard_sigmoid")
    (True, False)
    """
    x = torch.ones(2, requires_grad=True)
    with torch.enable_grad():
        y = build_activation(name)(x)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        try:
            torch.autograd.grad(slope.sum(), x)
        except RuntimeError:
            return False
    return True
