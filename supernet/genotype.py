"""Genotype: a chosen architecture, as data; JSON, DARTS' `Genotype(...)` text, NAS-Bench-201's string and `MLP(...)`,
read by a parser.

In the texts an edge is a label, see `Edge`.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeGuard

from .activations import list_activations
from .edge import ADD_SKIP, LINEAR, Edge
from .errors import GenotypeError
from .macro import MACROS, Macro
from .operations import CONVOLUTIONS, OPERATIONS

Cell = tuple[tuple[Edge, ...], tuple[int, ...]]  # edges, and states that make the output


@dataclass(frozen=True)
class Genotype:
    """An architecture.

    Args:
        format: "darts" (two input states 0 and 1, two edges per node), "nasbench201" (one input state, every edge) or
            "mlp" (a chain of layers).
        cells: group -> (edges, states that make the output). The edges of a node stand together, in the order in which
            they were ranked.

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
        cells = {}
        for group, (edges, concat) in self.cells.items():
            cells[group] = {"edges": [_edge_to_data(edge) for edge in edges], "concat": list(concat)}
        return json.dumps({"format": self.format, "cells": cells})

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Reads `to_json`'s text; raises GenotypeError, in one line, for anything else."""
        try:
            data = json.loads(text)
            cells = {group: _cell_from_data(cell) for group, cell in data["cells"].items()}
            genotype = cls(str(data["format"]), cells)
        except (json.JSONDecodeError, RecursionError) as error:
            raise GenotypeError(f"the genotype is not JSON: {error}") from None
        except KeyError as error:
            raise GenotypeError(f"the genotype is not {_JSON_FORM}: {error} is missing") from None
        except (TypeError, AttributeError, ValueError) as error:
            raise GenotypeError(f"the genotype is not {_JSON_FORM}: {error}") from None
        check_genotype(genotype)
        return genotype

    def to_text(self) -> str:
        """Returns what DARTS codes or NAS-Bench-201 print; `MLP(relu, tanh:add_skip)` for fully-connected layers."""
        return _TEXT_FORMS[self.format].write(self.cells)

    @classmethod
    def from_text(cls, text: str) -> "Genotype":
        """Reads `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=..., ...)`, `|nor_conv_3x3~0|+|...|` or
        `MLP(relu, ...)`; never evaluates it.

        Raises:
            GenotypeError: the text is none of them; one line says where it stops being one.
        """
        text = text.strip()
        name, form = next(item for item in _TEXT_FORMS.items() if text.startswith(item[1].opening))
        genotype = cls(name, form.read(text))
        check_genotype(genotype)
        return genotype


def check_genotype(genotype: Genotype) -> None:
    """Raises GenotypeError, in one line, unless the genotype is one of its format."""
    if genotype.format not in MACROS:
        raise GenotypeError(f"unknown genotype format {genotype.format!r}: {', '.join(MACROS)}")
    macro = MACROS[genotype.format]
    if not genotype.cells or not set(genotype.cells) <= set(macro.groups):
        groups = ", ".join(map(repr, genotype.cells)) or "none"
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
            raise GenotypeError(f"{group}: the output {list(concat)} must name nodes of {outputs}, each once")


def _check_edges(macro: Macro, group: str, edges: tuple[Edge, ...], nodes: list[int]) -> None:
    first = macro.inputs
    if nodes != list(range(first, first + len(nodes))):
        raise GenotypeError(f"{group}: the nodes must be numbered {first}, {first + 1}, ... without a gap, not {nodes}")
    operations = OPERATIONS if macro.made_of_cells else (LINEAR,)
    for edge in edges:
        if edge.op not in operations:
            raise GenotypeError(f"{group}: unknown operation {edge.op!r} (known: {', '.join(sorted(operations))})")
        if not 0 <= edge.source < edge.node:
            raise GenotypeError(
                f"{group}: {edge.op} into node {edge.node} reads state {edge.source}, which does not come before it"
            )
        if edge.act not in list_activations():
            raise GenotypeError(
                f"{group}: unknown activation {edge.act!r} of {edge.op} (known: {', '.join(list_activations())})"
            )
        if edge.act != "relu" and edge.op not in (*CONVOLUTIONS, LINEAR):
            raise GenotypeError(f"{group}: {edge.op} has no activation to be {edge.act}; only convolutions have")
    wiring = [(edge.source, edge.node) for edge in edges]
    # the first fully-connected layer reads the images, whose size is not the layers' width
    skips_input = edges[0].skip and not macro.made_of_cells
    if skips_input or not macro.is_wired(wiring):
        raise GenotypeError(f"{group}: {macro.wiring_rule}")


_JSON_FORM = (
    '{"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}}, '
    'an edge with "act" and "add_skip" where it has them'
)


def _edge_to_data(edge: Edge) -> dict:
    data = {"op": edge.op, "from": edge.source, "to": edge.node}
    if edge.act != "relu":
        data["act"] = edge.act
    if edge.skip:
        data[ADD_SKIP] = True
    return data


def _edge_from_data(data: dict) -> Edge:
    strange = set(data) - {"op", "from", "to", "act", ADD_SKIP}
    if strange:
        raise ValueError(f"an edge has no {', '.join(sorted(map(str, strange)))}")
    skip = data.get(ADD_SKIP, False)
    if not isinstance(skip, bool):
        raise ValueError(f"{ADD_SKIP} is true or false, not {skip!r}")
    return Edge(
        str(data["op"]), _check_index(data["from"]), _check_index(data["to"]), str(data.get("act", "relu")), skip
    )


def _cell_from_data(data: dict) -> Cell:
    edges = tuple(_edge_from_data(edge) for edge in data["edges"])
    return edges, tuple(_check_index(state) for state in data["concat"])


def _check_index(value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an index")
    return value


def _check_sequence(value) -> list | tuple:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is not a list")
    return value


def _write_nasbench201(cells: dict[str, Cell]) -> str:
    edges, _ = cells["cell"]
    labels: dict[int, str] = {}
    for edge in edges:
        labels[edge.node] = labels.get(edge.node, "|") + f"{edge.label}~{edge.source}|"
    return "+".join(labels[node] for node in sorted(labels))


def _read_nasbench201(text: str) -> dict[str, Cell]:
    edges = []
    parts = text.split("+")
    for node, part in enumerate(parts, start=1):
        if not re.fullmatch(r"\|(?:[\w:]+~[0-9]{1,4}\|)+", part):
            raise GenotypeError(f"node {node} of the NAS-Bench-201 string is {part[:80]!r}, not |op~source|...|")
        inputs = re.findall(r"([\w:]+)~(\d+)", part)
        if [int(source) for _, source in inputs] != list(range(node)):
            raise GenotypeError(
                f"node {node} of the NAS-Bench-201 string must read states 0 to {node - 1} in this order: {part[:80]!r}"
            )
        edges += [Edge.from_label(label, int(source), node) for label, source in inputs]
    return {"cell": (tuple(edges), (len(parts),))}


def _write_mlp(cells: dict[str, Cell]) -> str:
    edges, _ = cells["layer"]
    return f"MLP({', '.join(edge.layer_label for edge in edges)})"


def _read_mlp(text: str) -> dict[str, Cell]:
    match = re.fullmatch(r"MLP\(\s*([\w:]+(?:\s*,\s*[\w:]+)*)\s*\)", text)
    if not match:
        raise GenotypeError(
            f"{text[:80]!r} is not MLP(ACTIVATION, ACTIVATION:{ADD_SKIP}, ...), an activation for each layer"
        )
    edges = []
    for layer, label in enumerate(match[1].split(",")):
        act = label.strip().removesuffix(f":{ADD_SKIP}")
        edges.append(Edge(LINEAR, layer, layer + 1, act, skip=act != label.strip()))
    return {"layer": (tuple(edges), (len(edges),))}


def _write_darts(cells: dict[str, Cell]) -> str:
    fields = []
    for group, (edges, concat) in cells.items():
        fields.append(f"{group}={[(edge.label, edge.source) for edge in edges]}")
        states = range(concat[0], concat[0] + len(concat))
        fields.append(f"{group}_concat={states if concat == tuple(states) else list(concat)}")
    return f"Genotype({', '.join(fields)})"


def _read_darts(text: str) -> dict[str, Cell]:
    form = "Genotype(normal=[('op', source), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))"
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise GenotypeError(f"the genotype is not of the form {form}") from None
    if not _is_call(call, "Genotype") or call.args:
        raise GenotypeError(f"the genotype is not of the form {form}")
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    known = "normal, normal_concat, reduce, reduce_concat"
    if len(fields) < len(call.keywords):
        raise GenotypeError(f"Genotype(...) gives a field twice: each of {known} once")
    wrong = [str(name) for name in fields if name not in known.split(", ")]
    if wrong or not fields:
        raise GenotypeError(f"Genotype(...) does not take {', '.join(wrong) or 'nothing'}: its fields are {known}")
    cells = {}
    for group in ("normal", "reduce"):
        if (group in fields) != (f"{group}_concat" in fields):
            raise GenotypeError(f"Genotype(...) needs {group} and {group}_concat together")
        if group in fields:
            cells[group] = (_read_pairs(group, fields[group]), _read_concat(group, fields[f"{group}_concat"]))
    return cells


def _is_call(value: ast.expr, name: str) -> TypeGuard[ast.Call]:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name


def _read_pairs(group: str, value: ast.expr) -> tuple[Edge, ...]:
    try:
        pairs = [_check_sequence(pair) for pair in _check_sequence(ast.literal_eval(value))]
        pairs = [(label, _check_index(source)) for label, source in pairs]
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group} is not a list of ('op', source) pairs") from None
    if any(not isinstance(label, str) for label, _ in pairs) or len(pairs) % 2:
        raise GenotypeError(f"{group} must list two ('op', source) pairs for every node; it has {len(pairs)}")
    return tuple(Edge.from_label(label, source, 2 + index // 2) for index, (label, source) in enumerate(pairs))


def _read_concat(group: str, value: ast.expr) -> tuple[int, ...]:
    try:
        if _is_call(value, "range") and not value.keywords:
            bounds = [_check_index(ast.literal_eval(argument)) for argument in value.args]
            if len(bounds) not in (1, 2) or max(map(abs, bounds)) > 1000:
                raise ValueError
            return tuple(range(*bounds))
        return tuple(_check_index(state) for state in _check_sequence(ast.literal_eval(value)))
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group}_concat is not range(a, b) or a list of states") from None


class _TextForm(NamedTuple):
    opening: str
    write: Callable[[dict[str, Cell]], str]
    read: Callable[[str], dict[str, Cell]]


_TEXT_FORMS = {  # by format; every text opens with "", so that form is the last
    "nasbench201": _TextForm("|", _write_nasbench201, _read_nasbench201),
    "mlp": _TextForm("MLP", _write_mlp, _read_mlp),
    "darts": _TextForm("", _write_darts, _read_darts),
}
