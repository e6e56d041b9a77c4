"""NAS-Bench-201 supernets of AutoDL-Projects and darts-pt: cells with `edges` of candidates, and no module for the
mixed operation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Adapter, Choice
from .dartspt import check_unprojected
from .names import check_names
from .wiring import Kept, as_string, by_node

ALPHAS = ("arch_parameters", "_arch_parameters")
MODES = ("_mode", "mode")


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    if not cells_of(host):
        return "cells with `edges`, {'1<-0': [candidates], ...}"
    return None if _alphas(host) else f"{' or '.join(ALPHAS)}, a tensor [edges, operations]"


def cells_of(host: nn.Module) -> list[nn.Module]:
    """The cells that hold candidates; those between them, which reduce the image, do not."""
    cells = getattr(host, "_cells", getattr(host, "cells", None))
    return [cell for cell in cells if _has_candidates(cell)] if isinstance(cells, nn.ModuleList) else []


def _has_candidates(cell: nn.Module) -> bool:
    found = getattr(cell, "edges", None)
    return isinstance(found, nn.ModuleDict) and all(
        re.fullmatch(r"\d+<-\d+", key) and isinstance(edge, nn.ModuleList) for key, edge in found.items()
    )


def _alphas(host: nn.Module) -> str | None:
    """The attribute that is the tensor of alphas: elsewhere `arch_parameters` is a method."""
    return next((name for name in ALPHAS if isinstance(getattr(host, name, None), Tensor)), None)


def choices_of(host: nn.Module) -> dict[str, Choice]:
    """The choices cell/0/op ... cell/5/op, node by node."""
    cells = cells_of(host)
    wires = sorted(
        (int(node), int(source), f"{node}<-{source}") for node, source in (key.split("<-") for key in cells[0].edges)
    )
    chosen = {}
    for row, (node, source, key) in enumerate(wires):
        name = f"cell/{row}/op"
        options = check_names(name, getattr(cells[0], "op_names", None), [cell.edges[key] for cell in cells])
        chosen[name] = Choice(options, host, (_alphas(host), cells[0].edge2index[key]), source, node)
    return chosen


class NASBench201(Adapter):
    """`GenericNAS201Model` or a `TinyNetwork...` of AutoDL-Projects, or a `TinyNetwork...` of darts-pt.

    A network that can run in several modes is run as the mixture of all candidates, whatever its mode is. `none` may be
    chosen, and all edges stay.

    Args:
        genotype: what to answer with, as `Structure`; where None, the string of NAS-Bench-201.
    """

    form, barred, keep, states = "nasbench201", (), None, 1

    def __init__(self, host: nn.Module, *, genotype: type | None = None) -> None:
        check_unprojected(getattr(host, "candidate_flags", {}))
        if hasattr(host, "set_tau") and not self._mode_of(host):
            name = type(host).__name__
            raise SelectionError(
                f"{name} runs one sampled candidate an edge, never the mixture: load its state_dict into a "
                f"TinyNetworkDarts, and adapt that"
            )
        super().__init__(host, choices_of(host), genotype)

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]; AutoDL-Projects' networks return (features, logits)."""
        with self._mixture():
            output = self.host(x)
        return output[-1] if isinstance(output, tuple) else output

    def host_form(self, kept: Kept) -> object:
        """The string of NAS-Bench-201, or what `genotype` makes of the edges into each node."""
        return self.maker([tuple(node) for node in by_node(kept["cell"])]) if self.maker else as_string(kept)

    def concat(self) -> range:
        """The last state."""
        return super().concat()[-1:]

    @staticmethod
    def _mode_of(host: nn.Module) -> str | None:
        return next((name for name in MODES if name in vars(host)), None)

    @contextmanager
    def _mixture(self) -> Iterator[None]:
        name = self._mode_of(self.host)
        before = getattr(self.host, name) if name else None
        try:
            if name:
                setattr(self.host, name, "joint")
            yield
        finally:
            if name:
                setattr(self.host, name, before)
