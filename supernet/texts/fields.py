"""The fields of a DARTS genotype, normal, normal_concat, reduce and reduce_concat, as plain values."""

from ..edge import Cell, Edge
from ..errors import GenotypeError, show, unknown

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
GROUPS = ("normal", "reduce")
_INPUTS = 2  # states of a cell that come from outside


def read_fields(positional: list, named: dict) -> dict[str, Cell]:
    """Returns the cells of the fields; a group without edges (None, an empty list, or not named) is no cell.

    Raises:
        GenotypeError: the fields are not those of a genotype, or do not belong together.
    """
    if len(positional) > len(FIELDS):
        raise GenotypeError(f"it has {len(positional)} fields without names; its fields are {', '.join(FIELDS)}")
    fields: dict[str, object] = dict(zip(FIELDS, positional))
    for name, value in named.items():
        if name in fields:
            raise GenotypeError(f"it gives a field twice: {show(name)}")
        if name in FIELDS:
            fields[name] = value
        elif value is not None:  # forks have further fields, None where they are unused
            raise GenotypeError(str(unknown("field of Genotype(...)", str(name)[:60], FIELDS)))
    if not fields:
        raise GenotypeError(f"it does not take nothing: its fields are {', '.join(FIELDS)}")
    cells = {}
    for group in GROUPS:
        pairs, concat = fields.get(group), fields.get(f"{group}_concat")
        if group not in fields and concat is not None:
            raise GenotypeError(f"it needs {group} and {group}_concat together: {group} is missing")
        if pairs is None or (isinstance(pairs, (list, tuple)) and not pairs):
            continue
        if concat is None:
            raise GenotypeError(f"it needs {group} and {group}_concat together: {group}_concat is missing")
        cells[group] = (_read_edges(group, pairs), _read_concat(group, concat))
    if not cells:
        raise GenotypeError(f"normal: a cell needs edges and an output, not {show(fields.get('normal'))}")
    return cells


def _read_edges(group: str, value: object) -> tuple[Edge, ...]:
    """Reads the pairs of a cell: one list, two for each node, or one list for each node."""
    if not isinstance(value, (list, tuple)):
        raise GenotypeError(f"{group} is {show(value)}, not a list of ('op', source) pairs")
    nested = [isinstance(item, (list, tuple)) and not is_pair(item) for item in value]
    if any(nested) and not all(nested):
        raise GenotypeError(f"{group} holds pairs and lists of pairs: one list, or one for each node")
    if all(nested):
        for node, pairs in enumerate(value, start=_INPUTS):
            if len(pairs) != 2:
                raise GenotypeError(f"{group}: node {node} has {len(pairs)} pairs, and every node takes two")
        value = [pair for pairs in value for pair in pairs]
    edges = []
    for index, pair in enumerate(value):
        node = _INPUTS + index // 2
        edges.append(read_pair(f"{group}, pair {index + 1} (node {node})", pair, node))
    if len(edges) % 2:
        raise GenotypeError(f"{group} must list two ('op', source) pairs for every node; it has {len(edges)}")
    return tuple(edges)


def is_pair(item: object) -> bool:
    """Returns whether it is rather one pair than a list of pairs."""
    return isinstance(item, (list, tuple)) and not (item and isinstance(item[0], (list, tuple)))


def read_pair(place: str, pair: object, node: int) -> Edge:
    """Returns the edge that a pair (operation, source) says.

    Raises:
        GenotypeError: it is none; the line begins with the place.
    """
    if not isinstance(pair, (list, tuple)):
        raise GenotypeError(f"{place} is {show(pair)}, not ('op', source)")
    if len(pair) != 2:
        raise GenotypeError(f"{place} is {show(pair)}, which has {len(pair)} entries; ('op', source) has two")
    label, source = pair
    if isinstance(source, str) and not isinstance(label, str):
        raise GenotypeError(f"{place} is {show(pair)}: the operation comes first, then the source")
    if not isinstance(label, str):
        raise GenotypeError(f"{place} is {show(pair)}: the operation is a name")
    if isinstance(source, bool) or not isinstance(source, int):
        raise GenotypeError(f"{place} is {show(pair)}: the source is a whole number, the state that it reads")
    return Edge.from_label(label, source, node)


def _read_concat(group: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise GenotypeError(f"{group}_concat is {show(value)}, not range(a, b) or a list of states")
    for state in value:
        if isinstance(state, bool) or not isinstance(state, int):
            raise GenotypeError(f"{group}_concat holds {show(state)}, which is no whole number")
    return tuple(value)
