"""A search space as plain data: groups of cells, their wiring, the options of every edge, and the rules for
choosing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from .activations import check_activations
from .errors import GenotypeError, SpaceError
from .genotype import ADD_SKIP, Edge, Genotype
from .operations import CONVOLUTIONS

NO_SKIP = "no_skip"
SKIPS = (NO_SKIP, ADD_SKIP)  # the options of an added skip


@dataclass(frozen=True)
class CellSpace:
    """One kind of cell.

    Args:
        inputs: states that come from outside (2 in DARTS, 1 in NAS-Bench-201); they are states 0 .. inputs-1.
        edges: (source, node) of each edge, node by node; alpha row k belongs to edge k.
        operations: the options of each edge.
        concat: the states that make the output.
        activations: of the edges that have a convolution among their options; more than one are a choice.
        added_skip: whether it is a choice on those edges that their input is added to what their operation makes of it.

    >>> cell = CellSpace(1, ((0, 1), (0, 2), (1, 2)), (("none", "skip_connect"),) * 3, (2,))
    >>> cell.states, cell.nodes
    (3, (1, 2))
    """

    inputs: int
    edges: tuple[tuple[int, int], ...]
    operations: tuple[tuple[str, ...], ...]
    concat: tuple[int, ...]
    activations: tuple[str, ...] = ("relu",)
    added_skip: bool = False

    def __post_init__(self):
        check_activations(self.activations)
        if len(self.operations) != len(self.edges):
            raise SpaceError(
                f"a cell of {len(self.edges)} edges needs as many tuples of operations, not {len(self.operations)}"
            )
        if len(set(map(len, self.operations))) != 1:
            raise SpaceError("every edge of a cell needs the same number of operations")
        if not all(source < node for source, node in self.edges) or set(self.nodes) != {node for _, node in self.edges}:
            raise SpaceError(
                "edges must lead from an earlier state to a later one and reach every state behind the inputs"
            )

    @property
    def states(self) -> int:
        return 1 + max(node for _, node in self.edges)

    @property
    def nodes(self) -> tuple[int, ...]:
        """The states that are computed."""
        return tuple(range(self.inputs, self.states))

    @property
    def parametric(self) -> list[int]:
        """The edges that have a convolution among their options."""
        return [row for row, options in enumerate(self.operations) if set(options) & set(CONVOLUTIONS)]

    def rows(self, node: int) -> list[int]:
        """The edges into a node."""
        return [row for row, edge in enumerate(self.edges) if edge[1] == node]

    def choices(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """{kind: {edge: options}}, of the kinds "op", "act" and "skip" that there is a choice of."""
        kinds = {"op": dict(enumerate(self.operations))}
        if len(self.activations) > 1:
            kinds["act"] = dict.fromkeys(self.parametric, self.activations)
        if self.added_skip:
            kinds["skip"] = dict.fromkeys(self.parametric, SKIPS)
        return {kind: rows for kind, rows in kinds.items() if rows}

    def carriers(self, row: int, source: int, node: int, excluded: tuple[str, ...] = ()) -> list[Edge]:
        """Everything that an edge can carry; an activation tells two edges apart only where there is a convolution."""
        skips = (False, True) if self.added_skip and row in self.parametric else (False,)
        return [
            Edge(op, source, node, act, skip)
            for op in self.operations[row]
            if op not in excluded
            for act in (self.activations if op in CONVOLUTIONS else ("relu",))
            for skip in skips
        ]


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
        return {choice: options for rows in self.tables().values() for choice, options in rows.items()}

    def tables(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """{name of a table of alphas: {choice: options}}, a row a choice: "normal" for the operations of that group,
        "normal_act", "normal_skip"."""
        return {
            group if kind == "op" else f"{group}_{kind}": {
                f"{group}/{row}/{kind}": options for row, options in rows.items()
            }
            for group, cell in self.cells.items()
            for kind, rows in cell.choices().items()
        }

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
            GenotypeError: a choice is undecided, an option is not among its choice's, or a node does not keep the right
                number of its own edges.
        """
        choices, nodes = self.choices(), self.inputs()
        for choice, option in decisions.items():
            if option not in choices.get(choice, ()):
                raise GenotypeError(
                    f"{choice}: {option!r} is not an option of space {self.name} "
                    f"({', '.join(choices.get(choice, ('no such choice',)))})"
                )
        for node, names in (inputs or {}).items():
            _, own = nodes.get(node, (0, ["no such node"]))
            if node not in nodes or not set(names) <= set(own):
                raise GenotypeError(
                    f"{node}: {list(names)} are not edges into it in space {self.name} ({', '.join(own)})"
                )
        kept = {node: (inputs or {}).get(node, names) for node, (_, names) in nodes.items()}
        cells = {}
        for group, cell in self.cells.items():
            edges = []
            for node in cell.nodes:
                names = kept.get(f"{group}/n{1 + node - cell.inputs}", [f"{group}/{row}/op" for row in cell.rows(node)])
                edges += [self._edge(group, cell, int(name.split("/")[1]), decisions) for name in names]
            cells[group] = (tuple(edges), cell.concat)
        genotype = Genotype(self.macro, cells)
        self.check(genotype)
        return genotype

    def _edge(self, group: str, cell: CellSpace, row: int, decisions: dict[str, str]) -> Edge:
        """What an edge carries by its decisions."""

        def decided(kind: str) -> str:
            name = f"{group}/{row}/{kind}"
            if name not in decisions:
                raise GenotypeError(f"{name} is undecided")
            return decisions[name]

        op, kinds = decided("op"), cell.choices()
        act = decided("act") if row in kinds.get("act", ()) else cell.activations[0]
        skip = row in kinds.get("skip", ()) and decided("skip") == ADD_SKIP
        return Edge(op, *cell.edges[row], act if op in CONVOLUTIONS else "relu", skip)

    def check(self, genotype: Genotype) -> None:
        """Raises GenotypeError, in one line, unless the genotype is an architecture of this space."""
        if set(genotype.cells) != set(self.cells):
            raise GenotypeError(
                f"a genotype of space {self.name} has the cells {', '.join(self.cells)}; this one has "
                f"{', '.join(genotype.cells)}"
            )
        for group, cell in self.cells.items():
            edges, concat = genotype.cells[group]
            if concat != cell.concat:
                raise GenotypeError(
                    f"{group}: the output of a cell of space {self.name} is {list(cell.concat)}, not {list(concat)}"
                )
            known = {edge for row, wired in enumerate(cell.edges) for edge in cell.carriers(row, *wired, self.excluded)}
            for edge in edges:
                if edge not in known:
                    raise GenotypeError(
                        f"{group}: {edge.label} on edge {edge.source}->{edge.node} is not in space {self.name}"
                    )
            for node in cell.nodes:
                sources = [edge.source for edge in edges if edge.node == node]
                want = len(cell.rows(node)) if self.keep is None else self.keep
                if len(sources) != want or len(set(sources)) != want:
                    raise GenotypeError(
                        f"{group}: node {node} takes {len(sources)} edges; space {self.name} keeps {want} different ones"
                    )

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
            carriers = {row: cell.carriers(row, *cell.edges[row], self.excluded) for row in rows}
            per_node.append([edges for subset in kept for edges in product(*(carriers[row] for row in subset))])
        return [(tuple(edge for part in parts for edge in part), cell.concat) for parts in product(*per_node)]
