"""quark0/darts, and the codes that keep its layout: `alphas_normal`, `alphas_reduce`, and cells whose `_ops` are mixed
operations with `_ops` of their own."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Adapter, Choice
from .names import check_names, from_source, of_edge
from .wiring import edges

GROUPS = ("normal", "reduce")


def lacks(host: nn.Module) -> str | None:
    """What such a network has and this one has not; None where it has all."""
    for group in GROUPS:
        if not _is_rows(getattr(host, f"alphas_{group}", None)):
            return f"alphas_{group}, a tensor [edges, operations]"
    cells = getattr(host, "cells", None)
    if not isinstance(cells, nn.ModuleList) or not len(cells):
        return "cells"
    if not all(hasattr(cell, "reduction") and mixed_of(cell) for cell in cells):
        return "cells with `reduction` and `_ops`, a list of mixed operations that have `_ops` themselves"
    return None


def mixed_of(cell: nn.Module) -> list[nn.Module]:
    """The mixed operations of a cell; empty where there are none."""
    found = getattr(cell, "_ops", ())
    return list(found) if all(isinstance(getattr(mixed, "_ops", None), nn.ModuleList) for mixed in found) else []


def _is_rows(alphas: object) -> bool:
    if isinstance(alphas, (list, nn.ParameterList)):
        return len(alphas) > 0 and all(isinstance(row, Tensor) and row.dim() == 1 for row in alphas)
    return isinstance(alphas, Tensor) and alphas.dim() == 2


def choices_of(host: nn.Module, primitives: object) -> dict[str, Choice]:
    """The choices normal/0/op ... reduce/13/op, those of a cell type that the network has no cell of left out.

    Args:
        primitives: names of the operations, see `names.of_edge`; where None, those that the cells keep, or the source
            file of the mixed operation.
    """
    chosen = {}
    for group in GROUPS:
        cells = [cell for cell in host.cells if bool(cell.reduction) == (group == "reduce")]
        for row, (source, node) in enumerate(edges(len(mixed_of(cells[0])) if cells else 0, states=2)):
            name, mixed = f"{group}/{row}/op", [mixed_of(cell)[row] for cell in cells]
            if row >= len(getattr(host, f"alphas_{group}")):
                raise SelectionError(
                    f"{name}: alphas_{group} has {row} rows, and the cells have {len(mixed_of(cells[0]))} edges"
                )
            own = getattr(cells[0], "primitives", None) or from_source(mixed[0], "PRIMITIVES", "genotypes.PRIMITIVES")
            names = of_edge(own if primitives is None else primitives, group, row)
            options = check_names(name, names, [operation._ops for operation in mixed])
            chosen[name] = Choice(options, host, (f"alphas_{group}", row), source, node)
    return chosen


class Quark0(Adapter):
    """A `Network` of quark0/darts.

    Args:
        primitives: names of the operations, in the order in which the network was built; where None, those of the
            source file.
        genotype: the namedtuple to answer with; where None, the one of the source file.
    """

    def __init__(
        self, host: nn.Module, *, primitives: Sequence[str] | None = None, genotype: type | None = None
    ) -> None:
        super().__init__(
            host, choices_of(host, primitives), genotype or from_source(host, "Genotype", "genotypes.Genotype")
        )

    def concat(self) -> range:
        """The last `_multiplier` of the cell's states."""
        own = super().concat()
        return own[-getattr(self.host, "_multiplier", len(own)) :]
