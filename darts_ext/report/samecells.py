"""What was chosen from one search, by cell: criteria that chose the same cells share one drawing."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .charts.cellgraph import draw_cell
from .charts.palette import Look
from .explanation import Explanation, explain
from .labels import join_names, label_criterion
from .macros import head_cell
from .runfolder import Outcome, Run
from .trainingcurves import draw_retraining_curves


class Group(NamedTuple):
    """The criteria that chose the same cells.

    Attributes:
        names: of the criteria, as readers see them.
        cells: (heading, drawing) of each cell.
        genotype: as in genotype.json.
        curves: charts of the retraining.
        explanations: how each criterion chose, where it left scores.
    """

    names: list[str]
    cells: list[tuple[str, str]]
    genotype: dict | None
    curves: list[str]
    explanations: list[Explanation]

    @property
    def same(self) -> str:
        """A sentence where several criteria agree."""
        return f"{join_names(self.names)} chose the same cell." if len(self.names) > 1 else ""


def group_outcomes(run: Run, look: Mapping[str, Look]) -> list[Group]:
    """Returns what was chosen from a search, the same cells together, in the order of the criteria."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in run.outcomes:
        key = outcome.cell_key() or f"unknown cell of {outcome.criterion}"
        groups.setdefault(key, []).append(outcome)
    return [_describe_group(outcomes, look) for outcomes in groups.values()]


def _describe_group(outcomes: Sequence[Outcome], look: Mapping[str, Look]) -> Group:
    genotype = outcomes[0].genotype
    return Group(
        names=[label_criterion(outcome.criterion) for outcome in outcomes],
        cells=draw_cells(genotype, look),
        genotype=genotype,
        curves=_draw_first_retraining(outcomes),
        explanations=[explain(outcome, look) for outcome in outcomes if outcome.scores],
    )


def _draw_first_retraining(outcomes: Sequence[Outcome]) -> list[str]:
    """The same cells are retrained once."""
    for outcome in outcomes:
        if outcome.retraining:
            return draw_retraining_curves(outcome.retraining)
    return []


def draw_cells(genotype: Mapping | None, look: Mapping[str, Look]) -> list[tuple[str, str]]:
    """Returns (heading, drawing) of every cell; inputs are the nodes before the first one that an edge enters."""
    if genotype is None:
        return []
    drawn = []
    for name, cell in genotype["cells"].items():
        inputs = min((edge["to"] for edge in cell["edges"]), default=1)
        picture = draw_cell(cell["edges"], inputs=inputs, concat=cell["concat"], title=name, look=look)
        drawn.append((head_cell(name), picture))
    return drawn
