"""What would fail only once a supernet has been trained, tried on one that is not."""

from contextlib import nullcontext

import torch
from torch import Tensor

from selection import measure
from selection.architecture import drawn, realised
from selection.costs import check_reachable, costs
from selection.protocol import allowed_options
from selection.registry import find_criterion, list_measures
from supernet import Supernet

from .entry import Entry


def try_out(net: Supernet, entry: Entry, x: Tensor, y: Tensor) -> None:
    """Takes every measure of an entry on one batch, of the supernet or, for whole candidates, of one of its
    architectures; compares limits with the least cost.

    Raises:
        SelectionError, SpaceError: what selecting would raise in the end.
    """
    whole = realised(net, drawn(net, torch.Generator().manual_seed(0))) if entry.strategy == "sample" else nullcontext()
    with whole:
        for part in entry.criteria:
            name = find_criterion(part).measure or (
                part if entry.strategy == "sample" and part in list_measures() else None
            )
            if name:
                measure(name, net, x, y, **((entry.taken["settings"] or {}).get(part) or {}))
    limits = entry.options.get("limits", {})
    check_reachable(net, costs(net, limits, x), {choice: allowed_options(net, choice) for choice in net.choices()})
