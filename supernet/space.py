"""A search space as plain data: groups of cells, their wiring, the options of every edge, and the rules for
choosing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product

from .activations import check_activations
from .choices import edge_of, name_choice, name_node
from .edge import ADD_SKIP, Edge
from .errors import GenotypeError, SpaceError
from .genotype import Cell, Genotype
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
        leads_forward = all(source < node for source, node in self.edges)
        if not leads_forward or set(self.nodes) != {node for _, node in self.edges}:
            raise SpaceError(
                "edges must lead from an earlier state to a later one and reach every state behind the inputs"
            )

    @property
    def states(self) -> int:
        """The number of states, the inputs among them."""
        return 1 + max(node for _, node in self.edges)

    @property
    def nodes(self) -> tuple[int, ...]:
        """The states that are computed."""
        return tuple(range(self.inputs, self.states))

    @property
    def parametric(self) -> list[int]:
        """The edges that have a convolution among their options."""
        return [row for row, options in enumerate(self.operations) if set(options) & set(CONVOLUTIONS)]

    def edges_into(self, node: int) -> list[int]:
        """Returns the numbers of the edges into a node."""
        return [row for row, edge in enumerate(self.edges) if edge[1] == node]

    def choices(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """Returns {kind: {edge: options}}, of the kinds "op", "act" and "skip" that there is a choice of."""
        kinds = {"op": dict(enumerate(self.operations))}
        if len(self.activations) > 1:
            kinds["act"] = dict.fromkeys(self.parametric, self.activations)
        if self.added_skip:
            kinds["skip"] = dict.fromkeys(self.parametric, SKIPS)
        return {kind: rows for kind, rows in kinds.items() if rows}

    def possible_edges(self, row: int, excluded: tuple[str, ...] = ()) -> list[Edge]:
        """Returns all that an edge can carry; an activation tells two apart only where there is a convolution."""
        source, node = self.edges[row]
        skips = (False, True) if self.added_skip and row in self.parametric else (False,)
        edges = []
        for op in self.operations[row]:
            if op in excluded:
                continue
            acts = self.activations if op in CONVOLUTIONS else ("relu",)
            edges += [Edge(op, source, node, act, skip) for act, skip in product(acts, skips)]
        return edges


@dataclass(frozen=True)
class Space:
    """A named search space.

    Args:
        name: as in `create_space`.
        macro: the structure around the cells, "darts" or "nasbench201"; see `find_macro`.
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
        """Returns {choice: options}, in the order of the alphas; names are GROUP/EDGE/KIND.

        >>> from supernet import create_space
        >>> create_space("nasbench201").choices()["cell/0/op"]
        ('none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3')
        """
        return merge_tables(self.tables())

    def tables(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Returns {name of a table of alphas: {choice: options}}, a row a choice: "normal" for the operations of that
        group, "normal_act", "normal_skip"."""
        tables = {}
        for group, cell in self.cells.items():
            for kind, rows in cell.choices().items():
                name = group if kind == "op" else f"{group}_{kind}"
                tables[name] = {name_choice(group, row, kind): options for row, options in rows.items()}
        return tables

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """Returns {node: (edges it keeps, the choices on the edges that reach it)}; empty where every edge stays."""
        if self.keep is None:
            return {}
        return {node: (self.keep, choices) for node, choices in self._edges_into_nodes().items()}

    def _edges_into_nodes(self) -> dict[str, list[str]]:
        """Returns {node: the choices of an operation on the edges that reach it}."""
        nodes = {}
        for group, cell in self.cells.items():
            for number, node in enumerate(cell.nodes, start=1):
                choices = [name_choice(group, row, "op") for row in cell.edges_into(node)]
                nodes[name_node(group, number)] = choices
        return nodes

    def genotype(self, decisions: dict[str, str], inputs: dict[str, list[str]] | None = None) -> Genotype:
        """Returns the architecture of decisions {choice: option} and kept inputs {node: [choices, strongest first]}.

        Raises:
            GenotypeError: a choice is undecided, an option is not among its choice's, or a node does not keep the right
                number of its own edges.
        """
        inputs = inputs or {}
        check_options(self.name, self.choices(), decisions)
        self._check_inputs(inputs)
        kept = self._edges_into_nodes() | inputs
        cells = {}
        for group, cell in self.cells.items():
            edges = []
            for number in range(1, len(cell.nodes) + 1):
                for choice in kept[name_node(group, number)]:
                    edges.append(self._decide_edge(group, cell, edge_of(choice), decisions))
            cells[group] = (tuple(edges), cell.concat)
        genotype = Genotype(self.macro, cells)
        self.check(genotype)
        return genotype

    def _check_inputs(self, inputs: dict[str, list[str]]) -> None:
        nodes = self.inputs()
        for node, names in inputs.items():
            _, choices = nodes.get(node, (0, ["no such node"]))
            if node not in nodes or not set(names) <= set(choices):
                raise GenotypeError(
                    f"{node}: {list(names)} are not edges into it in space {self.name} ({', '.join(choices)})"
                )

    def _decide_edge(self, group: str, cell: CellSpace, row: int, decisions: dict[str, str]) -> Edge:
        """Returns what an edge carries by its decisions."""

        def find_decision(kind: str) -> str:
            choice = name_choice(group, row, kind)
            if choice not in decisions:
                raise GenotypeError(f"{choice} is undecided")
            return decisions[choice]

        kinds = cell.choices()
        source, node = cell.edges[row]
        op = find_decision("op")
        act = find_decision("act") if row in kinds.get("act", ()) else cell.activations[0]
        skip = row in kinds.get("skip", ()) and find_decision("skip") == ADD_SKIP
        if op not in CONVOLUTIONS:
            act = "relu"
        return Edge(op, source, node, act, skip)

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
            possible: set[Edge] = set()
            for row in range(len(cell.edges)):
                possible.update(cell.possible_edges(row, self.excluded))
            for edge in edges:
                if edge not in possible:
                    raise GenotypeError(
                        f"{group}: {edge.label} on edge {edge.source}->{edge.node} is not in space {self.name}"
                    )
            for node in cell.nodes:
                sources = [edge.source for edge in edges if edge.node == node]
                keep = len(cell.edges_into(node)) if self.keep is None else self.keep
                if len(sources) != keep or len(set(sources)) != keep:
                    raise GenotypeError(
                        f"{group}: node {node} takes {len(sources)} edges; space {self.name} keeps {keep} different "
                        f"ones"
                    )

    def architectures(self) -> Iterator[Genotype]:
        """Yields every architecture once; for spaces small enough to enumerate (`tiny` has 243, `nasbench201` 15,625).

        >>> from supernet import create_space
        >>> sum(1 for _ in create_space("tiny").architectures())
        243
        """
        alternatives = [self._list_cells(cell) for cell in self.cells.values()]
        for cells in product(*alternatives):
            yield Genotype(self.macro, dict(zip(self.cells, cells)))

    def _list_cells(self, cell: CellSpace) -> list[Cell]:
        """Returns every architecture of one cell."""
        alternatives = []  # of each node: every way to choose its edges
        for node in cell.nodes:
            rows = cell.edges_into(node)
            possible = {row: cell.possible_edges(row, self.excluded) for row in rows}
            ways: list[tuple[Edge, ...]] = []
            for kept in combinations(rows, self.keep or len(rows)):
                ways += product(*(possible[row] for row in kept))
            alternatives.append(ways)
        return [(tuple(chain.from_iterable(nodes)), cell.concat) for nodes in product(*alternatives)]


def merge_tables(tables: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Returns {choice: options} of all tables of alphas."""
    choices = {}
    for table in tables.values():
        choices.update(table)
    return choices


def check_options(space: str, choices: dict[str, tuple[str, ...]], decisions: dict[str, str]) -> None:
    """Raises GenotypeError unless every decision is an option of its choice."""
    for choice, option in decisions.items():
        options = choices.get(choice)
        if options is None or option not in options:
            known = ", ".join(options or ("no such choice",))
            raise GenotypeError(f"{choice}: {option!r} is not an option of space {space} ({known})")
