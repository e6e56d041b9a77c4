"""Genotype: a chosen architecture, as data; JSON, DARTS' `Genotype(...)` text, NAS-Bench-201's string and `MLP(...)`,
read by a parser.

In the texts an operation is a label: `sep_conv_3x3`, or `sep_conv_3x3:gelu` where the edge has another activation than
ReLU, and `avg_pool_3x3:add_skip` or `sep_conv_3x3:gelu:add_skip` where its input is added to what the operation makes
of it.
"""

import ast
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

from .activations import list_activations
from .errors import GenotypeError
from .operations import CONVOLUTIONS, OPERATIONS

ADD_SKIP = "add_skip"
LINEAR = "linear"  # the one operation of fully-connected layers
GROUPS = {"darts": {"normal", "reduce"}, "nasbench201": {"cell"}, "mlp": {"layer"}}
INPUTS = {"darts": 2, "nasbench201": 1, "mlp": 1}


class Edge(NamedTuple):
    """One edge of a cell: an operation from a source state to a node.

    Args:
        act: the activation of its convolution (or of a fully-connected layer); "relu" where there is none.
        skip: whether the source is added to what the operation makes of it (not to be confused with `skip_connect`, an
            operation that returns its input).

    >>> Edge("sep_conv_3x3", 0, 2, "gelu", skip=True).label
    'sep_conv_3x3:gelu:add_skip'
    """

    op: str
    source: int
    node: int
    act: str = "relu"
    skip: bool = False

    @property
    def label(self) -> str:
        """The operation, the activation if it is not ReLU, and `add_skip` if the input is added."""
        return ":".join([self.op, *[self.act] * (self.act != "relu"), *[ADD_SKIP] * self.skip])

    @classmethod
    def from_label(cls, label: str, source: int, node: int) -> "Edge":
        """Reads `label`."""
        op, *rest = label.split(":")
        skip = rest[-1:] == [ADD_SKIP]
        act = rest[: len(rest) - skip]
        if len(act) > 1 or act == ["relu"]:
            raise GenotypeError(
                f"{label[:80]!r} is not OPERATION, OPERATION:ACTIVATION or either with :{ADD_SKIP}, where ReLU is not named"
            )
        return cls(op, source, node, *act, skip=skip)


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
    cells: dict[str, tuple[tuple[Edge, ...], tuple[int, ...]]]

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
        """JSON that `from_json` reads back."""
        cells = {
            group: {"edges": list(map(_to_data, edges)), "concat": list(concat)}
            for group, (edges, concat) in self.cells.items()
        }
        return json.dumps({"format": self.format, "cells": cells})

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Reads `to_json`'s text; raises GenotypeError, in one line, for anything else."""
        try:
            data = json.loads(text)
            cells = {
                group: (tuple(map(_from_data, cell["edges"])), tuple(map(_index, cell["concat"])))
                for group, cell in data["cells"].items()
            }
            genotype = cls(str(data["format"]), cells)
        except (json.JSONDecodeError, RecursionError) as error:
            raise GenotypeError(f"the genotype is not JSON: {error}") from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            form = '{"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}}, an edge with "act" and "add_skip" where it has them'
            raise GenotypeError(
                f"the genotype is not {form}: {f'{error} is missing' if isinstance(error, KeyError) else error}"
            ) from None
        return genotype._checked()

    def to_text(self) -> str:
        """The form that DARTS codes or NAS-Bench-201 print; `MLP(relu, tanh:add_skip)` for fully-connected layers."""
        if self.format == "nasbench201":
            edges, _ = self.cells["cell"]
            return "+".join(
                "|" + "|".join(f"{e.label}~{e.source}" for e in edges if e.node == node) + "|"
                for node in sorted({e.node for e in edges})
            )
        if self.format == "mlp":
            return f"MLP({', '.join(e.act + f':{ADD_SKIP}' * e.skip for e in self.cells['layer'][0])})"
        parts = []
        for group, (edges, concat) in self.cells.items():
            whole = concat == tuple(range(concat[0], concat[0] + len(concat)))
            shown = f"range({concat[0]}, {concat[-1] + 1})" if whole else str(list(concat))
            parts.append(f"{group}={[(e.label, e.source) for e in edges]}, {group}_concat={shown}")
        return f"Genotype({', '.join(parts)})"

    @classmethod
    def from_text(cls, text: str) -> "Genotype":
        """Reads `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=..., ...)`, `|nor_conv_3x3~0|+|...|` or `MLP(relu, ...)`; never evaluates it.

        Raises:
            GenotypeError: the text is none of them; one line says where it stops being one.
        """
        text = text.strip()
        parse = _parse_nasbench201 if text.startswith("|") else _parse_mlp if text.startswith("MLP") else _parse_darts
        return parse(text)._checked()

    def _checked(self) -> "Genotype":
        check_genotype(self)
        return self


def check_genotype(genotype: Genotype) -> None:
    """Raises GenotypeError, in one line, unless the genotype is one of its format."""
    if genotype.format not in GROUPS:
        raise GenotypeError(f"unknown genotype format {genotype.format!r}: {', '.join(GROUPS)}")
    allowed = GROUPS[genotype.format]
    if not genotype.cells or not set(genotype.cells) <= allowed:
        found = ", ".join(map(repr, genotype.cells)) or "none"
        raise GenotypeError(
            f"a genotype of format {genotype.format} has the cells {', '.join(sorted(allowed))}, not {found}"
        )
    for group, (edges, concat) in genotype.cells.items():
        if not edges or not concat:
            raise GenotypeError(f"{group}: a cell needs edges and an output")
        _check_edges(genotype.format, group, edges)
        nodes = {edge.node for edge in edges}
        outputs = nodes if genotype.format == "darts" else {max(nodes)}
        if not set(concat) <= outputs or len(set(concat)) < len(concat):
            raise GenotypeError(f"{group}: the output {list(concat)} must name nodes of {sorted(outputs)}, each once")


def _check_edges(form: str, group: str, edges: tuple[Edge, ...]) -> None:
    nodes, first = sorted({edge.node for edge in edges}), INPUTS[form]
    if nodes != list(range(first, first + len(nodes))):
        raise GenotypeError(f"{group}: the nodes must be numbered {first}, {first + 1}, ... without a gap, not {nodes}")
    operations = (LINEAR,) if form == "mlp" else OPERATIONS
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
    if form == "darts" and [node for _, node in wiring] != [node for node in nodes for _ in range(2)]:
        raise GenotypeError(f"{group}: every node takes two edges, those of node 2 first")
    if form == "nasbench201" and wiring != [(source, node) for node in nodes for source in range(node)]:
        raise GenotypeError(
            f"{group}: node 1 takes an edge from state 0, node 2 from 0 and 1, and so on, in this order"
        )
    if form == "mlp" and (wiring != [(node - 1, node) for node in nodes] or edges[0].skip):
        raise GenotypeError(
            f"{group}: layers follow each other, and the first has no skip because its input has another width"
        )


def _to_data(edge: Edge) -> dict:
    act, skip = {"act": edge.act} if edge.act != "relu" else {}, {ADD_SKIP: True} if edge.skip else {}
    return {"op": edge.op, "from": edge.source, "to": edge.node, **act, **skip}


def _from_data(data: dict) -> Edge:
    strange = set(data) - {"op", "from", "to", "act", ADD_SKIP}
    if strange:
        raise ValueError(f"an edge has no {', '.join(sorted(map(str, strange)))}")
    skip = data.get(ADD_SKIP, False)
    if not isinstance(skip, bool):
        raise ValueError(f"{ADD_SKIP} is true or false, not {skip!r}")
    return Edge(str(data["op"]), _index(data["from"]), _index(data["to"]), str(data.get("act", "relu")), skip)


def _index(value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an index")
    return value


def _sequence(value) -> list | tuple:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is not a list")
    return value


def _parse_nasbench201(text: str) -> Genotype:
    edges = []
    for node, part in enumerate(text.split("+"), start=1):
        if not re.fullmatch(r"\|(?:[\w:]+~[0-9]{1,4}\|)+", part):
            raise GenotypeError(f"node {node} of the NAS-Bench-201 string is {part[:80]!r}, not |op~source|...|")
        found = [(label, int(source)) for label, source in re.findall(r"([\w:]+)~(\d+)", part)]
        if [source for _, source in found] != list(range(node)):
            raise GenotypeError(
                f"node {node} of the NAS-Bench-201 string must read states 0 to {node - 1} in this order: {part[:80]!r}"
            )
        edges += [Edge.from_label(label, source, node) for label, source in found]
    return Genotype("nasbench201", {"cell": (tuple(edges), (len(text.split("+")),))})


def _parse_mlp(text: str) -> Genotype:
    found = re.fullmatch(r"MLP\(\s*([\w:]+(?:\s*,\s*[\w:]+)*)\s*\)", text)
    if not found:
        raise GenotypeError(
            f"{text[:80]!r} is not MLP(ACTIVATION, ACTIVATION:{ADD_SKIP}, ...), an activation for each layer"
        )
    labels = [part.strip() for part in found[1].split(",")]
    acts = [label.removesuffix(f":{ADD_SKIP}") for label in labels]
    edges = tuple(
        Edge(LINEAR, layer, layer + 1, act, act != label) for layer, (act, label) in enumerate(zip(acts, labels))
    )
    return Genotype("mlp", {"layer": (edges, (len(edges),))})


def _parse_darts(text: str) -> Genotype:
    form = "Genotype(normal=[('op', source), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))"
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise GenotypeError(f"the genotype is not of the form {form}") from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "Genotype" or call.args:
        raise GenotypeError(f"the genotype is not of the form {form}")
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    if len(fields) < len(call.keywords):
        raise GenotypeError(
            "Genotype(...) gives a field twice: each of normal, normal_concat, reduce, reduce_concat once"
        )
    wrong = [str(name) for name in fields if name not in ("normal", "normal_concat", "reduce", "reduce_concat")]
    if wrong or not fields:
        raise GenotypeError(
            f"Genotype(...) does not take {', '.join(wrong) or 'nothing'}: its fields are normal, normal_concat, "
            f"reduce, reduce_concat"
        )
    cells = {}
    for group in ("normal", "reduce"):
        if (group in fields) != (f"{group}_concat" in fields):
            raise GenotypeError(f"Genotype(...) needs {group} and {group}_concat together")
        if group in fields:
            cells[group] = (_pairs(group, fields[group]), _concat(group, fields[f"{group}_concat"]))
    return Genotype("darts", cells)


def _pairs(group: str, value: ast.expr) -> tuple[Edge, ...]:
    try:
        pairs = map(_sequence, _sequence(ast.literal_eval(value)))
        pairs = [(op, _index(source)) for op, source in pairs]
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group} is not a list of ('op', source) pairs") from None
    if any(not isinstance(op, str) for op, _ in pairs) or len(pairs) % 2:
        raise GenotypeError(f"{group} must list two ('op', source) pairs for every node; it has {len(pairs)}")
    return tuple(Edge.from_label(op, source, 2 + position // 2) for position, (op, source) in enumerate(pairs))


def _concat(group: str, value: ast.expr) -> tuple[int, ...]:
    is_range = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "range"
        and not value.keywords
    )
    try:
        if is_range:
            bounds = [_index(ast.literal_eval(argument)) for argument in value.args]
            if len(bounds) not in (1, 2) or max(map(abs, bounds)) > 1000:
                raise ValueError
            return tuple(range(*bounds))
        return tuple(map(_index, _sequence(ast.literal_eval(value))))
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group}_concat is not range(a, b) or a list of states") from None
