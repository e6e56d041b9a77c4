"""Whether a 0-dim zero does for the options of a network that are switched off: found out on a few inputs."""

import torch
from torch import Tensor

from .batches import FAILURES
from .gates import masked, switched_off, zeros_of
from .preserve import preserved
from .protocol import SelectableModule, on_edges, surplus
from .zeros import Zeros


def settle_zeros(net: SelectableModule, x: Tensor) -> bool:
    """Finds out, once for a network, whether a 0-dim zero does for it: whether the network then runs, and returns what
    it does with zeros of full size.

    Args:
        x: a few inputs.

    Returns:
        whether the network runs on them at all; where not, nothing is found out.
    """
    zeros = zeros_of(net)
    if zeros.settled or x.is_meta:
        return True
    if _run(net, x) is None:
        return False
    zeros.settled = True
    zeros.cheap = all(_takes_cheap_zeros(net, zeros, mask, x) for mask in _list_trials(net))
    return True


def give_up_cheap_zeros(net: SelectableModule) -> bool:
    """Makes every gate of a network return zeros of full size; returns whether a closed one did not already."""
    zeros = zeros_of(net)
    if not zeros.cheap or not switched_off(net):
        return False
    zeros.cheap = False
    return True


def _list_trials(net: SelectableModule) -> list[dict[str, list[str]]]:
    """Lists some masks: every other option of each choice, the rest of them, and all edges that nodes may drop."""
    choices = {choice: list(options) for choice, options in net.choices().items()}
    trials = []
    for start in (0, 1):
        trials.append({choice: options[start::2] for choice, options in choices.items()})
    dropped: dict[str, list[str]] = {}
    for keep, names in surplus(net).values():
        dropped |= {choice: choices[choice] for choice in on_edges(net, names[keep:])}
    return [*trials, dropped]


def _takes_cheap_zeros(net: SelectableModule, zeros: Zeros, mask: dict[str, list[str]], x: Tensor) -> bool:
    outputs = []
    for zeros.cheap in (True, False):
        with masked(net, mask):
            outputs.append(_run(net, x))
    cheap, full = outputs
    are_tensors = isinstance(cheap, Tensor) and isinstance(full, Tensor)
    if not are_tensors or cheap.shape != full.shape:
        return False
    return torch.allclose(cheap, full, rtol=1e-3, atol=1e-5, equal_nan=True)


@torch.no_grad()
def _run(net: SelectableModule, x: Tensor) -> object | None:
    """Returns what the network makes of inputs; None where it fails."""
    try:
        with preserved(net, seed=0):
            return net.eval()(x.clone())
    except FAILURES:
        return None
