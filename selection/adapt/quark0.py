"""quark0/darts, and the codes that keep its layout: `alphas_normal`, `alphas_reduce`, and cells whose `_ops` are mixed
operations with `_ops` of their own."""

from typing import cast

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..protocol import group_of
from .adapter import Adapter, HostChoice
from .cells import GROUPS, list_cells, list_edges
from .host import Host
from .host_rule import Rule, answers, find_rule, watch_edge_weights
from .operation_names import check_order, name_operations, pick_names, read_from_source
from .watching import find_inputs


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
        known = _read_primitives(cells[0], mixed[0]) if primitives is None else primitives
        options = name_operations(choice, pick_names(known, group, row), [operation._ops for operation in mixed])
        if primitives is None:
            check_order(choice, options)
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
        weighting: see `Adapter`; where None, options and edges are ranked as by the host's own genotype().
    """

    def __init__(
        self,
        host: nn.Module,
        *,
        primitives: object = None,
        genotype: type | None = None,
        weighting: str | None = None,
    ) -> None:
        own_genotype = genotype or read_from_source(host, "Genotype", "genotypes.Genotype")
        super().__init__(host, find_choices(host, primitives), own_genotype, weighting)
        self.rule: Rule | None = None
        self.watched: Rule | None = None
        if weighting is None and answers(host):
            self._rank_as_host()

    def _rank_as_host(self) -> None:
        self.rule = find_rule(self)
        if self.rule is None and self.find_mixing().pruned:
            self.rule = find_rule(self)
        if self.rule is None:
            self.note(
                f"{type(self.host).__name__}.genotype() follows another rule: here each node keeps the edges of its "
                f"{self.edges_per_node} largest weights"
            )

    def excluded(self) -> tuple[str, ...]:
        """Returns the options that are mixed but never chosen, as far as the host's own genotype() tells."""
        return self.never_chosen if self.rule is None else self.rule.never_chosen

    @torch.no_grad()
    def strengths(self, name: str) -> Tensor:
        """Returns what the host's own genotype() ranks by [options]: weights of the options, times the edge's where it
        has one; where that is not known, the weights that are watched."""
        rule = self.rule or self._watch_rule()
        weights = self.weigh(name, rule.weighting)
        if rule.edge_weights is None:
            return weights
        return weights * rule.edge_weights.read(self.host, self.host_choices, name)

    def _watch_rule(self) -> Rule:
        """Returns what options and edges are mixed by, watched once."""
        if self.watched is None:
            x = find_inputs(self, self.host) if self.inputs_seen is None else self.inputs_seen
            edge_weights = None if x is None else watch_edge_weights(self, x)
            self.watched = Rule(self.find_mixing().weighting, self.never_chosen, edge_weights)
        return self.watched

    def carriers(self) -> dict[str, list[nn.Module]]:
        """Returns {choice: the modules of the whole edge}, which are off where all its options are: channels that pass
        by the mixed operation go too."""
        cells = {group: list_cells(self.host.cells, group) for group in GROUPS}
        carriers = {}
        for name, choice in self.host_choices.items():
            row = cast(int, choice.path[-1])
            carriers[name] = [list_mixed(cell)[row] for cell in cells[group_of(name)]]
        return carriers

    def concat_states(self) -> range:
        """Returns the last `_multiplier` of the cell's states."""
        states = super().concat_states()
        multiplier = getattr(self.host, "_multiplier", len(states))
        return states[-multiplier:]
