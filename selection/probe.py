"""Measuring a network with some options switched off."""

from collections.abc import Callable

import torch

from .errors import SelectionError
from .gates import masked
from .protocol import Batches, Selectable

Listener = Callable[[int, int], None]


class Probe:
    """A network, a measure and the batches that it is taken on; counts how often that happens.

    Args:
        measure: (net, batches) -> float, higher is better; None for criteria that only read the net.
        seed: of the baseline that draws at random.
        listener: called with (done, total) after each measurement.
    """

    def __init__(self, net: Selectable, measure: Callable | None, batches: Batches, seed: int = 0, listener: Listener | None = None):
        self.net, self.measure, self.batches = net, measure, list(batches)
        self.generator = torch.Generator().manual_seed(seed)
        self.listener, self.evaluations, self.expected = listener, 0, 0
        self._base: float | None = None
        self._kept: dict[str, object] = {}

    def value(self, without: dict[str, list[str]]) -> float:
        """The measure with those options switched off.

        Raises:
            SelectionError: it is not a number; the options are named.
        """
        with masked(self.net, without):
            value = self.measure(self.net, self.batches)
        self.evaluations += 1
        if self.listener:
            self.listener(self.evaluations, max(self.evaluations, self.expected))
        if value != value:
            gone = "; ".join(f"{choice} without {', '.join(options)}" for choice, options in without.items()) or "the whole network"
            raise SelectionError(f"{self.measure.__name__} is not a number for {gone}")
        return value

    def base(self) -> float:
        """The measure of the network as it stands."""
        if self._base is None:
            self._base = self.value({})
        return self._base

    def once(self, name: str, compute: Callable[[], object]) -> object:
        """What is computed for all choices at once, and holds until the network changes."""
        if name not in self._kept:
            self._kept[name] = compute()
            self.evaluations += 1
        return self._kept[name]

    def forget_base(self) -> None:
        """The network has changed."""
        self._base = None
        self._kept.clear()
