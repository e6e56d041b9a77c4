"""The decisions that make a genotype: the way back from an architecture to choices."""

from .choices import name_choice
from .edge import ADD_SKIP, Edge
from .genotype import Genotype
from .space import SKIPS, Space
from .spaces.mlp import MLPSpace


def find_decisions(space: Space | MLPSpace, genotype: Genotype) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Returns (decisions {choice: option}, inputs {node: [choices that it keeps]}) of which `space.genotype` makes the
    genotype.

    A choice that the architecture does not show, as one on a dropped edge, is the first option that may be chosen.

    Raises:
        GenotypeError: it is not in the space.

    >>> from supernet import create_space
    >>> space = create_space("mlp", layers=2)
    >>> find_decisions(space, Genotype.from_text("MLP(tanh, relu:add_skip)"))
    ({'layer/0/act': 'tanh', 'layer/1/act': 'relu', 'layer/1/skip': 'add_skip'}, {})
    """
    space.check(genotype)
    decisions = {}
    for choice, options in space.choices().items():
        decisions[choice] = next(option for option in options if option not in space.excluded)
    places: dict[str, list[str]] = {}
    for group, (edges, _) in genotype.cells.items():
        for edge in edges:
            row = _find_row(space, group, edge)
            shown = {"op": edge.op, "act": edge.act, "skip": ADD_SKIP if edge.skip else SKIPS[0]}
            for kind, option in shown.items():
                choice = name_choice(group, row, kind)
                if option in space.choices().get(choice, ()):
                    decisions[choice] = option
            places.setdefault(group, []).append(name_choice(group, row, "op"))
    inputs = {}
    for node, (_, names) in space.inputs().items():
        group, _, _ = node.partition("/")
        inputs[node] = [choice for choice in places[group] if choice in names]
    return decisions, inputs


def _find_row(space: Space | MLPSpace, group: str, edge: Edge) -> int:
    if isinstance(space, MLPSpace):
        return edge.source
    return space.cells[group].edges.index((edge.source, edge.node))
