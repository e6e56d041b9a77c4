"""quark0/darts, and the codes that keep its layout: `alphas_normal`, `alphas_reduce`, and cells whose `_ops` are mixed
operations with `_ops` of their own."""

from typing import Any

from torch import Tensor, nn

from ..errors import SelectionError
from ..protocol import group_of
from .adapter import Adapter, HostChoice
from .cells import GROUPS, list_cells, list_edges
from .host import Host
from .operation_names import name_operations, pick_names, read_from_source


def find_missing(host: nn.Module) -> str | None:
    """Returns the first part of this layout that the network does not have; None where it has all."""
    for group in GROUPS:
        if not _is_rows(getattr(host, f"alphas_{group}", None)):
            return f"alphas_{group}, a tensor [edges, operations]"
    cells = getattr(host, "cells", None)
    if not isinstance(cells, nn.ModuleList) or not len(cells):
        return "cells"
    if not all(hasattr(cell, "reduction") and list_mixed(cell) for cell in cells):
        return "cells with `reduction` and `_ops`, a list of mixed operations that have `_ops` themselves"
    return None


def list_mixed(cell: Host) -> list[Host]:
    """Lists the mixed operations of a cell; empty where its `_ops` are anything else."""
    mixed = getattr(cell, "_ops", ())
    if all(isinstance(getattr(operation, "_ops", None), nn.ModuleList) for operation in mixed):
        return list(mixed)
    return []


def _is_rows(alphas: object) -> bool:
    if isinstance(alphas, (list, nn.ParameterList)):
        return len(alphas) > 0 and all(isinstance(row, Tensor) and row.dim() == 1 for row in alphas)
    return isinstance(alphas, Tensor) and alphas.dim() == 2


def find_choices(host: Host, primitives: object) -> dict[str, HostChoice]:
    """Finds the choices normal/0/op ... reduce/13/op; a group of which the network has no cell is left out.

    Args:
        primitives: names of the operations, see `pick_names`; where None, those that the cells keep, or those of the
            source file of the mixed operation.
    """
    choices = {}
    for group in GROUPS:
        cells = list_cells(host.cells, group)
        if cells:
            choices |= _find_choices_of_group(host, group, cells, primitives)
    return choices


def _find_choices_of_group(host: Host, group: str, cells: list[Host], primitives: object) -> dict[str, HostChoice]:
    choices = {}
    rows = len(getattr(host, f"alphas_{group}"))
    edges = list_edges(len(list_mixed(cells[0])), states=2)
    for row, (source, node) in enumerate(edges):
        choice = f"{group}/{row}/op"
        if row >= rows:
            raise SelectionError(f"{choice}: alphas_{group} has {row} rows, and the cells have {len(edges)} edges")
        mixed = [list_mixed(cell)[row] for cell in cells]
        if primitives is None:
            names = pick_names(_read_primitives(cells[0], mixed[0]), group, row)
        else:
            names = pick_names(primitives, group, row)
        operations = [operation._ops for operation in mixed]
        options = name_operations(choice, names, operations, given=primitives is not None)
        choices[choice] = HostChoice(options, host, (f"alphas_{group}", row), source, node)
    return choices


def _read_primitives(cell: Host, mixed: Host) -> object:
    kept_by_cell = getattr(cell, "primitives", None)
    return kept_by_cell or read_from_source(mixed, "PRIMITIVES", "genotypes.PRIMITIVES")


class Quark0(Adapter):
    """A `Network` of quark0/darts.

    Args:
        primitives: names of the operations, in the order in which the network was built; where None, those of the
            source file.
        genotype: the namedtuple to answer with; where None, the one of the source file.
    """

    def __init__(self, host: nn.Module, *, primitives: object = None, genotype: type | None = None) -> None:
        own_genotype = genotype or read_from_source(host, "Genotype", "genotypes.Genotype")
        super().__init__(host, find_choices(host, primitives), own_genotype)

    def carriers(self) -> dict[str, list[nn.Module]]:
        """Returns {choice: the modules of the whole edge}, where channels pass by its options."""
        if not self.weighting().passes_by:
            return {}
        return self.list_edges()

    def list_edges(self) -> dict[str, list[nn.Module]]:
        """Lists {choice: the mixed operations of its edge, one for each cell}."""
        cells = {group: list_cells(self.host.cells, group) for group in GROUPS}
        edges = {}
        for name, choice in self.host_choices.items():
            row: Any = choice.path[1]
            edges[name] = [list_mixed(cell)[row] for cell in cells[group_of(name)]]
        return edges

    def concat_states(self) -> range:
        """Returns the last `_multiplier` of the cell's states."""
        states = super().concat_states()
        multiplier = getattr(self.host, "_multiplier", len(states))
        return states[-multiplier:]
