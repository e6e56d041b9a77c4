"""Genotype: a chosen architecture, as data; JSON, DARTS' `Genotype(...)` text, NAS-Bench-201's string and `MLP(...)`,
read by a parser (see `texts`).

In the texts an edge is a label, see `Edge`.
"""

from dataclasses import dataclass

from .activations import list_activations
from .edge import LINEAR, Cell, Edge
from .errors import GenotypeError, show, unknown
from .macro import MACROS, Macro
from .operations import CONVOLUTIONS, OPERATIONS
from .texts import read_json, read_text, write_json, write_text


@dataclass(frozen=True)
class Genotype:
    """An architecture.

    Args:
        format: "darts" (two input states 0 and 1, two edges per node), "nasbench201" (one input state, every edge) or
            "mlp" (a chain of layers).
        cells: group -> (edges, states that make the output). The edges of a node stand together, in the order in which
            they were ranked. A DARTS genotype without a cell "reduce" is one of normal cells only: no cell of its
            network halves the resolution.

    >>> Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|").skips
    1
    """

    format: str
    cells: dict[str, Cell]

    def __hash__(self) -> int:
        return hash((self.format, frozenset(self.cells.items())))

    @property
    def skips(self) -> int:
        """Edges whose operation is skip_connect (a skip that replaces an operation), over all groups."""
        return sum(edge.op == "skip_connect" for edges, _ in self.cells.values() for edge in edges)

    @property
    def added_skips(self) -> int:
        """Edges whose input is added to their operation's output, over all groups."""
        return sum(edge.skip for edges, _ in self.cells.values() for edge in edges)

    def to_json(self) -> str:
        """Returns JSON that `from_json` reads back."""
        return write_json(self.format, self.cells)

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Reads `to_json`'s text, or `Genotype(...)` as an object of its fields; raises GenotypeError, in one line, for
        anything else."""
        genotype = cls(*read_json(text))
        check_genotype(genotype)
        return genotype

    def to_text(self) -> str:
        """Returns what DARTS codes or NAS-Bench-201 print; `MLP(relu, tanh:add_skip)` for fully-connected layers."""
        return write_text(self.format, self.cells)

    @classmethod
    def from_text(cls, text: str) -> "Genotype":
        """Reads the one architecture in a text, `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=..., ...)`,
        `|nor_conv_3x3~0|+|...|`, `MLP(relu, ...)` or JSON, whatever it was copied with; never evaluates it.

        Raises:
            GenotypeError: the text holds none, or several that differ; one line says where it stops being one.

        >>> Genotype.from_text("12:00 arch = Structure(2 nodes with |skip_connect~0|).").to_text()
        '|skip_connect~0|'
        """
        genotype = cls(*read_text(text))
        check_genotype(genotype)
        return genotype


def check_genotype(genotype: Genotype) -> None:
    """Raises GenotypeError, in one line, unless the genotype is one of its format."""
    if genotype.format not in MACROS:
        raise GenotypeError(f"unknown genotype format {show(genotype.format)}: {', '.join(MACROS)}")
    macro = MACROS[genotype.format]
    if not genotype.cells or not set(genotype.cells) <= set(macro.groups):
        groups = ", ".join(map(show, list(genotype.cells)[:5])) or "none"
        raise GenotypeError(
            f"a genotype of format {genotype.format} has the cells {', '.join(sorted(macro.groups))}, not {groups}"
        )
    for group, (edges, concat) in genotype.cells.items():
        if not edges or not concat:
            raise GenotypeError(f"{group}: a cell needs edges and an output")
        nodes = sorted({edge.node for edge in edges})
        _check_edges(macro, group, edges, nodes)
        outputs = nodes if macro.joins_nodes else nodes[-1:]
        if not set(concat) <= set(outputs) or len(set(concat)) < len(concat):
            raise GenotypeError(
                f"{group}: the output {show(list(concat))} must name nodes of {show(outputs)}, each once"
            )


def _check_edges(macro: Macro, group: str, edges: tuple[Edge, ...], nodes: list[int]) -> None:
    first = macro.inputs
    if nodes != list(range(first, first + len(nodes))):
        raise GenotypeError(
            f"{group}: the nodes must be numbered {first}, {first + 1}, ... without a gap, not {show(nodes)}"
        )
    operations = OPERATIONS if macro.made_of_cells else (LINEAR,)
    for edge in edges:
        if edge.op not in operations:
            raise GenotypeError(f"{group}, into node {edge.node}: {unknown('operation', edge.op[:60], operations)}")
        if not 0 <= edge.source < edge.node:
            raise GenotypeError(
                f"{group}: {edge.op} into node {edge.node} reads state {edge.source}, which does not come before it"
            )
        if edge.act not in list_activations():
            problem = unknown("activation", edge.act[:60], list_activations())
            raise GenotypeError(f"{group}, {edge.op} into node {edge.node}: {problem}")
        if edge.act != "relu" and edge.op not in (*CONVOLUTIONS, LINEAR):
            raise GenotypeError(f"{group}: {edge.op} has no activation to be {edge.act}; only convolutions have")
    wiring = [(edge.source, edge.node) for edge in edges]
    # the first fully-connected layer reads the images, whose size is not the layers' width
    skips_input = edges[0].skip and not macro.made_of_cells
    if skips_input or not macro.is_wired(wiring):
        raise GenotypeError(f"{group}: {macro.wiring_rule}")
