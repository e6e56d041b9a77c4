"""Genotype: a chosen architecture, as data; JSON, DARTS' `Genotype(...)` text and NAS-Bench-201's string, read by a parser."""

import ast
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

from .errors import GenotypeError
from .operations import OPERATIONS


class Edge(NamedTuple):
    """One edge of a cell: an operation from a source state to a node."""

    op: str
    source: int
    node: int


@dataclass(frozen=True)
class Genotype:
    """An architecture.

    Args:
        format: "darts" (two input states 0 and 1, two edges per node) or "nasbench201" (one input state, every edge).
        cells: group -> (edges, states that make the output). The edges of a node stand together, in the order in which they were ranked.

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

    def to_json(self) -> str:
        """JSON that `from_json` reads back."""
        cells = {
            group: {"edges": [{"op": e.op, "from": e.source, "to": e.node} for e in edges], "concat": list(concat)}
            for group, (edges, concat) in self.cells.items()
        }
        return json.dumps({"format": self.format, "cells": cells})

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Reads `to_json`'s text; raises GenotypeError, in one line, for anything else."""
        try:
            data = json.loads(text)
            cells = {
                group: (tuple(Edge(str(e["op"]), _index(e["from"]), _index(e["to"])) for e in cell["edges"]), tuple(map(_index, cell["concat"])))
                for group, cell in data["cells"].items()
            }
            genotype = cls(str(data["format"]), cells)
        except (json.JSONDecodeError, RecursionError) as error:
            raise GenotypeError(f"the genotype is not JSON: {error}") from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise GenotypeError(f'the genotype is not {{"format", "cells": {{GROUP: {{"edges": [{{"op", "from", "to"}}], "concat"}}}}}}: {error!r}') from None
        return genotype._checked()

    def to_text(self) -> str:
        """The form that DARTS codes or NAS-Bench-201 print."""
        if self.format == "nasbench201":
            edges, _ = self.cells["cell"]
            return "+".join("|" + "|".join(f"{e.op}~{e.source}" for e in edges if e.node == node) + "|" for node in sorted({e.node for e in edges}))
        parts = []
        for group, (edges, concat) in self.cells.items():
            whole = concat == tuple(range(concat[0], concat[0] + len(concat)))
            shown = f"range({concat[0]}, {concat[-1] + 1})" if whole else str(list(concat))
            parts.append(f"{group}={[(e.op, e.source) for e in edges]}, {group}_concat={shown}")
        return f"Genotype({', '.join(parts)})"

    @classmethod
    def from_text(cls, text: str) -> "Genotype":
        """Reads `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=..., ...)` or `|nor_conv_3x3~0|+|...|`; never evaluates it.

        Raises:
            GenotypeError: the text is neither; one line says where it stops being one.
        """
        text = text.strip()
        return (_parse_nasbench201(text) if text.startswith("|") else _parse_darts(text))._checked()

    def _checked(self) -> "Genotype":
        if self.format not in ("darts", "nasbench201"):
            raise GenotypeError(f"unknown genotype format {self.format!r}: darts or nasbench201")
        allowed = {"cell"} if self.format == "nasbench201" else {"normal", "reduce"}
        if not self.cells or not set(self.cells) <= allowed:
            found = ", ".join(map(repr, self.cells)) or "none"
            raise GenotypeError(f"a genotype of format {self.format} has the cells {', '.join(sorted(allowed))}, not {found}")
        inputs = 1 if self.format == "nasbench201" else 2
        for group, (edges, concat) in self.cells.items():
            if not edges or not concat:
                raise GenotypeError(f"{group}: a cell needs edges and an output")
            nodes = {edge.node for edge in edges}
            if nodes != set(range(inputs, inputs + len(nodes))):
                raise GenotypeError(f"{group}: the nodes must be numbered {inputs}, {inputs + 1}, ... without a gap, not {sorted(nodes)}")
            for edge in edges:
                if edge.op not in OPERATIONS:
                    raise GenotypeError(f"{group}: unknown operation {edge.op!r} (known: {', '.join(sorted(OPERATIONS))})")
                if not 0 <= edge.source < edge.node:
                    raise GenotypeError(f"{group}: {edge.op} into node {edge.node} reads state {edge.source}, which does not come before it")
            if self.format == "darts" and [edge.node for edge in edges] != [node for node in sorted(nodes) for _ in range(2)]:
                raise GenotypeError(f"{group}: every node takes two edges, those of node 2 first")
            if self.format == "nasbench201" and [edge[1:] for edge in edges] != [(source, node) for node in sorted(nodes) for source in range(node)]:
                raise GenotypeError(f"{group}: node 1 takes an edge from state 0, node 2 from 0 and 1, and so on, in this order")
            outputs = nodes if self.format == "darts" else {max(nodes)}
            if not set(concat) <= outputs or len(set(concat)) < len(concat):
                raise GenotypeError(f"{group}: the output {list(concat)} must name nodes of {sorted(outputs)}, each once")
        return self


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
        if not re.fullmatch(r"\|(?:\w+~[0-9]{1,4}\|)+", part):
            raise GenotypeError(f"node {node} of the NAS-Bench-201 string is {part[:80]!r}, not |op~source|...|")
        found = [(op, int(source)) for op, source in re.findall(r"(\w+)~(\d+)", part)]
        if [source for _, source in found] != list(range(node)):
            raise GenotypeError(f"node {node} of the NAS-Bench-201 string must read states 0 to {node - 1} in this order: {part[:80]!r}")
        edges += [Edge(op, source, node) for op, source in found]
    return Genotype("nasbench201", {"cell": (tuple(edges), (len(text.split("+")),))})


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
        raise GenotypeError("Genotype(...) gives a field twice: each of normal, normal_concat, reduce, reduce_concat once")
    wrong = [str(name) for name in fields if name not in ("normal", "normal_concat", "reduce", "reduce_concat")]
    if wrong or not fields:
        raise GenotypeError(f"Genotype(...) does not take {', '.join(wrong) or 'nothing'}: its fields are normal, normal_concat, reduce, reduce_concat")
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
        edges = tuple(Edge(op, _index(source), 2 + position // 2) for position, (op, source) in enumerate(pairs))
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group} is not a list of ('op', source) pairs") from None
    if any(not isinstance(edge.op, str) for edge in edges) or len(edges) % 2:
        raise GenotypeError(f"{group} must list two ('op', source) pairs for every node; it has {len(edges)}")
    return edges


def _concat(group: str, value: ast.expr) -> tuple[int, ...]:
    is_range = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "range" and not value.keywords
    try:
        if is_range:
            bounds = [_index(ast.literal_eval(argument)) for argument in value.args]
            if len(bounds) not in (1, 2) or max(map(abs, bounds)) > 1000:
                raise ValueError
            return tuple(range(*bounds))
        return tuple(map(_index, _sequence(ast.literal_eval(value))))
    except (ValueError, TypeError, SyntaxError):
        raise GenotypeError(f"{group}_concat is not range(a, b) or a list of states") from None
