"""How the weights of a network are drawn before any training; measures at initialisation depend on it."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from .errors import unknown


def draw_weights(net: nn.Module, name: str) -> None:
    """Draws the weights of all convolutions and linear layers anew, see `list_initialisations`.

    Raises:
        SpaceError: an unknown name.
    """
    if name not in _INITIALISATIONS:
        raise unknown("initialisation", name, _INITIALISATIONS)
    _INITIALISATIONS[name](net)


def list_initialisations() -> list[str]:
    """Returns the names that `draw_weights` takes: torch's default, and He et al.'s (2015) by fan-in or fan-out.

    >>> list_initialisations()
    ['default', 'he_fan_in', 'he_fan_out']
    """
    return sorted(_INITIALISATIONS)


def _keep_default(net: nn.Module) -> None:
    """Leaves the weights as torch has drawn them."""


def _create_he(mode: Literal["fan_in", "fan_out"]) -> Callable[[nn.Module], None]:
    """Returns a function that draws weights of variance 2 / fan; biases become zero."""

    def draw(net: nn.Module) -> None:
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    return draw


_INITIALISATIONS: dict[str, Callable[[nn.Module], None]] = {
    "default": _keep_default,
    "he_fan_in": _create_he("fan_in"),
    "he_fan_out": _create_he("fan_out"),
}
