"""JSON of an architecture: {"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}}."""

import json

from ..edge import ADD_SKIP, Cell, Edge
from ..errors import GenotypeError, show
from .fields import read_fields

_NAMES = {"source": "from", "node": "to", "skip": ADD_SKIP}  # in the repr of an Edge
_FORM = (
    '{"format", "cells": {GROUP: {"edges": [{"op", "from", "to"}], "concat"}}}, '
    'an edge with "act" and "add_skip" where it has them'
)


def write_json(genotype_format: str, cells: dict[str, Cell]) -> str:
    """Returns JSON that `read_json` reads back."""
    data = {}
    for group, (edges, concat) in cells.items():
        data[group] = {"edges": [_edge_to_data(edge) for edge in edges], "concat": list(concat)}
    return json.dumps({"format": genotype_format, "cells": data})


def read_json(text: str) -> tuple[str, dict[str, Cell]]:
    """Returns format and cells; the fields of `Genotype(...)` as an object are read, too.

    Raises:
        GenotypeError: the text is none of them.
    """
    if not isinstance(text, str):
        raise GenotypeError(f"the JSON of a genotype is a str, not {type(text).__name__}")
    try:
        data = json.loads(text.strip().lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise GenotypeError(f"the genotype is not JSON: {error}") from None
    return read_data(data)


def read_data(data: object) -> tuple[str, dict[str, Cell]]:
    """Returns format and cells of what the JSON holds, or of the values in the repr of a `Genotype`."""
    if isinstance(data, dict) and "cells" not in data:
        if "normal" in data:
            return "darts", read_fields([], data)
        if "decisions" in data:
            raise GenotypeError("the JSON holds decisions of somebody's own network, and only that network reads them")
    try:
        return str(data["format"]), {group: _read_cell(cell) for group, cell in data["cells"].items()}  # pyright: ignore
    except KeyError as error:
        raise GenotypeError(f"the genotype is not {_FORM}: {error} is missing") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise GenotypeError(f"the genotype is not {_FORM}: {error}") from None


def _edge_to_data(edge: Edge) -> dict:
    data = {"op": edge.op, "from": edge.source, "to": edge.node}
    if edge.act != "relu":
        data["act"] = edge.act
    if edge.skip:
        data[ADD_SKIP] = True
    return data


def _read_edge(data: dict) -> Edge:
    data = {_NAMES.get(name, name): value for name, value in data.items()}
    strange = set(data) - {"op", "from", "to", "act", ADD_SKIP}
    if strange:
        raise ValueError(f"an edge has no {show(', '.join(sorted(map(str, strange))))[1:-1]}")
    skip = data.get(ADD_SKIP, False)
    if not isinstance(skip, bool):
        raise ValueError(f"{ADD_SKIP} is true or false, not {show(skip)}")
    return Edge(
        str(data["op"]), _check_index(data["from"]), _check_index(data["to"]), str(data.get("act", "relu")), skip
    )


def _read_cell(data: dict | tuple) -> Cell:
    edges, concat = data if isinstance(data, tuple) else (data["edges"], data["concat"])
    return tuple(_read_edge(edge) for edge in edges), tuple(_check_index(state) for state in concat)


def _check_index(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{show(value)} is not an index")
    return value
