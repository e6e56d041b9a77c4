"""Dropout behind skip connections, whose rate decays (P-DARTS, Chen et al. 2019).

They are less of a short cut while weights are young.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional as F

from selection.preserve import hooked
from selection.protocol import SelectableModule

DECAY = 0.2  # an epoch


def find_rate(start: float, epoch: int) -> float:
    """Returns the rate of an epoch.

    >>> find_rate(0.5, 0), round(find_rate(0.5, 5), 3)
    (0.5, 0.184)
    """
    return start * math.exp(-DECAY * epoch)


@contextmanager
def skips_dropped(net: SelectableModule, rate: float) -> Iterator[None]:
    """Within the block training drops this share of the values that the options `skip_connect` return."""

    def drop(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return F.dropout(output, rate, module.training)

    skips = [module for options in net.choices().values() for module in options.get("skip_connect", ())]
    with hooked(module.register_forward_hook(drop) for module in (skips if rate else [])):
        yield
