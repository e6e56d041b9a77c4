"""A search space as plain data: groups of cells, their wiring, the options of every edge, and the rules for choosing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from .errors import GenotypeError, SpaceError
from .genotype import Edge, Genotype


@dataclass(frozen=True)
class CellSpace:
    """One kind of cell.

    Args:
        inputs: states that come from outside (2 in DARTS, 1 in NAS-Bench-201); they are states 0 .. inputs-1.
        edges: (source, node) of each edge, node by node; alpha row k belongs to edge k.
        operations: the options of each edge.
        concat: the states that make the output.

    >>> cell = CellSpace(1, ((0, 1), (0, 2), (1, 2)), (("none", "skip_connect"),) * 3, (2,))
    >>> cell.states, cell.nodes
    (3, (1, 2))
    """

    inputs: int
    edges: tuple[tuple[int, int], ...]
    operations: tuple[tuple[str, ...], ...]
    concat: tuple[int, ...]

    def __post_init__(self):
        if len(self.operations) != len(self.edges):
            raise SpaceError(f"a cell of {len(self.edges)} edges needs as many tuples of operations, not {len(self.operations)}")
        if len(set(map(len, self.operations))) != 1:
            raise SpaceError("every edge of a cell needs the same number of operations")
        if not all(source < node for source, node in self.edges) or set(self.nodes) != {node for _, node in self.edges}:
            raise SpaceError("edges must lead from an earlier state to a later one and reach every state behind the inputs")

    @property
    def states(self) -> int:
        return 1 + max(node for _, node in self.edges)

    @property
    def nodes(self) -> tuple[int, ...]:
        """The states that are computed."""
        return tuple(range(self.inputs, self.states))

    def rows(self, node: int) -> list[int]:
        """The edges into a node."""
        return [row for row, edge in enumerate(self.edges) if edge[1] == node]


@dataclass(frozen=True)
class Space:
    """A named search space.

    Args:
        name: as in `create_space`.
        macro: the skeleton around the cells, "darts" or "nasbench201".
        cells: group ("normal", "reduce", "cell") -> its cell.
        keep: edges that each node keeps in an architecture; None keeps all.
        excluded: options that are mixed in the supernet but never chosen (`none` in DARTS).
    """

    name: str
    macro: str
    cells: dict[str, CellSpace]
    keep: int | None = None
    excluded: tuple[str, ...] = ()

    def choices(self) -> dict[str, tuple[str, ...]]:
        """{choice: options}, in the order of the alphas; names are GROUP/EDGE/KIND.

        >>> from supernet import create_space
        >>> create_space("nasbench201").choices()["cell/0/op"]
        ('none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3')
        """
        return {f"{group}/{row}/op": options for group, cell in self.cells.items() for row, options in enumerate(cell.operations)}

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """{node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        if self.keep is None:
            return {}
        return {
            f"{group}/n{1 + node - cell.inputs}": (self.keep, [f"{group}/{row}/op" for row in cell.rows(node)])
            for group, cell in self.cells.items()
            for node in cell.nodes
        }

    def genotype(self, decisions: dict[str, str], inputs: dict[str, list[str]] | None = None) -> Genotype:
        """The architecture of decisions {choice: option} and kept inputs {node: [choices, strongest first]}.

        Raises:
            GenotypeError: a choice is undecided, an option is not among its choice's, or a node does not keep the right number of its own edges.
        """
        choices, nodes = self.choices(), self.inputs()
        for choice, option in decisions.items():
            if option not in choices.get(choice, ()):
                raise GenotypeError(f"{choice}: {option!r} is not an option of space {self.name} ({', '.join(choices.get(choice, ('no such choice',)))})")
        for node, names in (inputs or {}).items():
            _, own = nodes.get(node, (0, ["no such node"]))
            if node not in nodes or not set(names) <= set(own):
                raise GenotypeError(f"{node}: {list(names)} are not edges into it in space {self.name} ({', '.join(own)})")
        kept = {node: (inputs or {}).get(node, names) for node, (_, names) in nodes.items()}
        cells = {}
        for group, cell in self.cells.items():
            edges = []
            for node in cell.nodes:
                names = kept.get(f"{group}/n{1 + node - cell.inputs}", [f"{group}/{row}/op" for row in cell.rows(node)])
                missing = [name for name in names if name not in decisions]
                if missing:
                    raise GenotypeError(f"{missing[0]} is undecided")
                edges += [Edge(decisions[name], cell.edges[int(name.split("/")[1])][0], node) for name in names]
            cells[group] = (tuple(edges), cell.concat)
        genotype = Genotype(self.macro, cells)
        self.check(genotype)
        return genotype

    def check(self, genotype: Genotype) -> None:
        """Raises GenotypeError, in one line, unless the genotype is an architecture of this space."""
        if set(genotype.cells) != set(self.cells):
            raise GenotypeError(f"a genotype of space {self.name} has the cells {', '.join(self.cells)}; this one has {', '.join(genotype.cells)}")
        for group, cell in self.cells.items():
            edges, concat = genotype.cells[group]
            if concat != cell.concat:
                raise GenotypeError(f"{group}: the output of a cell of space {self.name} is {list(cell.concat)}, not {list(concat)}")
            options = dict(zip(cell.edges, cell.operations))
            for edge in edges:
                if edge.op not in options.get((edge.source, edge.node), ()) or edge.op in self.excluded:
                    raise GenotypeError(f"{group}: {edge.op} on edge {edge.source}->{edge.node} is not in space {self.name}")
            for node in cell.nodes:
                sources = [edge.source for edge in edges if edge.node == node]
                want = len(cell.rows(node)) if self.keep is None else self.keep
                if len(sources) != want or len(set(sources)) != want:
                    raise GenotypeError(f"{group}: node {node} takes {len(sources)} edges; space {self.name} keeps {want} different ones")

    def architectures(self) -> Iterator[Genotype]:
        """Every architecture once; for spaces small enough to enumerate (`tiny` has 243, `nasbench201` 15,625).

        >>> from supernet import create_space
        >>> sum(1 for _ in create_space("tiny").architectures())
        243
        """
        per_group = [self._cells(cell) for cell in self.cells.values()]
        for cells in product(*per_group):
            yield Genotype(self.macro, dict(zip(self.cells, cells)))

    def _cells(self, cell: CellSpace) -> list:
        per_node = []
        for node in cell.nodes:
            rows = cell.rows(node)
            kept = combinations(rows, self.keep or len(rows))
            allowed = {row: [option for option in cell.operations[row] if option not in self.excluded] for row in rows}
            per_node.append([
                tuple(Edge(option, cell.edges[row][0], node) for row, option in zip(subset, options))
                for subset in kept
                for options in product(*(allowed[row] for row in subset))
            ])
        return [(tuple(edge for part in parts for edge in part), cell.concat) for parts in product(*per_node)]
