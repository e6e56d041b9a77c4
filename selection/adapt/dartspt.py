"""darts-pt: the layout of quark0/darts, with operations that may differ from edge to edge, and a projection of its
own."""

from typing import Any

from torch import nn

from ..errors import SelectionError
from . import quark0
from .host import Host


def find_missing(host: Host) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    missing = quark0.find_missing(host)
    if missing is not None:
        return missing
    if not all(isinstance(getattr(cell, "primitives", None), list) for cell in host.cells):
        return "cells with `primitives`, the names on each edge"
    return None


class DartsPT(quark0.Quark0):
    """A `Network` or `DartsNetworkProj` of darts-pt.

    The names are those that the cells were built with: the code also keeps them in `nn.Module.PRIMITIVES`, where the
    next network overwrites them.
    """

    def __init__(
        self,
        host: nn.Module,
        *,
        primitives: object = None,
        genotype: type | None = None,
        weighting: str | None = None,
    ) -> None:
        check_unprojected(getattr(host, "candidate_flags", {}))
        super().__init__(host, primitives=primitives, genotype=genotype, weighting=weighting)


def check_unprojected(flags: Any) -> None:
    """Raises SelectionError where darts-pt's own projection has decided edges: it overwrites their weights, so that
    nothing else could decide them.

    Args:
        flags: the network's `candidate_flags`, a bool tensor [edges], or {group: such a tensor}; False is decided.
    """
    rows = flags.values() if isinstance(flags, dict) else [flags]
    projected = sum(int((~row).sum()) for row in rows)
    if projected:
        raise SelectionError(
            f"darts-pt has projected {projected} edges itself: adapt the network before, or set its candidate_flags "
            f"back to True"
        )
