"""darts-pt: the layout of quark0/darts, with operations that may differ from edge to edge, and a projection of its
own."""

from torch import nn

from ..errors import SelectionError
from . import quark0


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    missing = quark0.lacks(host)
    if missing:
        return missing
    return (
        None
        if all(isinstance(getattr(cell, "primitives", None), list) for cell in host.cells)
        else "cells with `primitives`, the names on each edge"
    )


class DartsPT(quark0.Quark0):
    """A `Network` or `DartsNetworkProj` of darts-pt.

    The names are those that the cells were built with: the code also keeps them in `nn.Module.PRIMITIVES`, where the
    next network overwrites them.
    """

    def __init__(self, host: nn.Module, *, primitives: object = None, genotype: type | None = None) -> None:
        check_unprojected(getattr(host, "candidate_flags", {}))
        super().__init__(host, primitives=primitives, genotype=genotype)


def check_unprojected(flags: object) -> None:
    """Raises SelectionError where darts-pt's own projection has decided edges: it overwrites their weights, so that
    nothing else could decide them."""
    rows = flags.values() if isinstance(flags, dict) else [flags]
    projected = sum(int((~row).sum()) for row in rows)
    if projected:
        raise SelectionError(
            f"darts-pt has projected {projected} edges itself: adapt the network before, or set its candidate_flags "
            f"back to True"
        )
