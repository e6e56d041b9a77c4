"""The names of a host's operations, which its code often keeps outside the network."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..errors import SelectionError

POOLINGS = {
    "max_pool": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    "avg_pool": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
}
DARTS_PT_KEYS = {"normal": "primitives_normal", "reduce": "primitives_reduct"}
GIVE_NAMES = "give primitives=[...], the names in the order in which the network was built"


def read_from_source(thing: object, *names: str) -> Any:
    """Reads a global variable of the source file in which an object's class, or one that it inherits from, is written.

    DARTS codes keep the names of their operations as a global, `PRIMITIVES`, of the file that defines the network, and
    nothing on the network refers to it. But every Python function knows the globals of its own file as `__globals__`,
    so the methods of the class lead there, without an import of that code.

    Args:
        names: variables to look for, in this order; "gt.PRIMITIVES" is one in a module that the file imports as `gt`.

    Returns:
        the first value that is not None; None where no file has one.
    """
    for kind in type(thing).__mro__:
        for attribute in list(vars(kind).values()):
            source = getattr(attribute, "__globals__", {})
            for name in names:
                value = _look_up(source, name)
                if value is not None:
                    return value
    return None


def _look_up(source: Mapping[str, object], name: str) -> object | None:
    first, _, rest = name.partition(".")
    value = source.get(first)
    return getattr(value, rest, None) if rest else value


def name_operations(
    choice: str, names: Sequence[str] | None, mixed: Sequence[Sequence[nn.Module]]
) -> dict[str, list[nn.Module]]:
    """Returns {option: [modules]} of one choice.

    Args:
        names: one for each operation.
        mixed: the operations of each mixed operation that shares the choice.

    Raises:
        SelectionError: there are no names, or they do not fit the modules; the line says what to give.
    """
    if names is None or isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise SelectionError(f"{choice}: the names of its {len(mixed[0])} operations are not known: {GIVE_NAMES}")
    listed = ", ".join(names)
    for operations in mixed:
        if len(operations) != len(names):
            raise SelectionError(
                f"{choice}: {len(operations)} operations for {len(names)} names ({listed}): {GIVE_NAMES}"
            )
    if len(set(names)) < len(names):
        raise SelectionError(f"{choice}: a name is given twice ({listed}): {GIVE_NAMES}")
    options = {}
    for index, name in enumerate(names):
        options[name] = [operations[index] for operations in mixed]
    return options


def check_order(choice: str, options: Mapping[str, Sequence[nn.Module]]) -> None:
    """Raises SelectionError where names that were read in a source file are surely those of another order: an option
    that is called a pooling holds none, and one that is not called so does.

    Nothing else is asked of a name: operations are the user's, and need not be layers.
    """
    for word, layers in POOLINGS.items():
        holders = set()
        for name, (module, *_) in options.items():
            if any(isinstance(part, layers) for part in module.modules()):
                holders.add(name)
        called = {name for name in options if word in name}
        lacking = [name for name in options if name in called - holders]
        if lacking and holders - called:
            kind = type(options[lacking[0]][0]).__name__
            raise SelectionError(f"{choice}: {lacking[0]} is carried by {kind}, which is none: {GIVE_NAMES}")


def pick_names(primitives: Any, group: str, row: int) -> Sequence[str] | None:
    """Picks the names on one edge.

    Args:
        primitives: a list for all edges, a list of lists, or darts-pt's {"primitives_normal": [[...], ...],
            "primitives_reduct": ...}.
        group: "normal" or "reduce".
        row: number of the edge in its group.
    """
    if isinstance(primitives, Mapping):
        of_darts_pt = primitives.get(DARTS_PT_KEYS.get(group))
        primitives = primitives.get(group, of_darts_pt)
    is_sequence = isinstance(primitives, Sequence) and len(primitives) > 0
    if is_sequence and not isinstance(primitives[0], str):
        return primitives[row] if row < len(primitives) else None
    return primitives
