"""The names of a host's operations, which its code often keeps outside the network."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from torch import nn

from ..errors import SelectionError

POOLINGS = nn.modules.pooling
LAYERS_OF_NAME = {  # of any number of dimensions
    "max_pool": (POOLINGS._MaxPoolNd, POOLINGS._AdaptiveMaxPoolNd),
    "avg_pool": (POOLINGS._AvgPoolNd, POOLINGS._AdaptiveAvgPoolNd),
    "conv": (nn.modules.conv._ConvNd,),
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
    choice: str, names: Sequence[str] | None, mixed: Sequence[Sequence[nn.Module]], *, given: bool = False
) -> dict[str, list[nn.Module]]:
    """Returns {option: [modules]} of one choice.

    Args:
        names: one for each operation.
        mixed: the operations of each mixed operation that shares the choice.
        given: the names are the user's own, who may call an operation anything; others, which were found in a source
            file, must not contradict the layers.

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
        for module in options[name]:
            if not given and not _fits(name, module):
                kind = type(module).__name__
                raise SelectionError(f"{choice}: {name} is carried by {kind}, which is none: {GIVE_NAMES}")
    return options


def _fits(name: str, module: nn.Module) -> bool:
    """Says whether an option that is called a pooling or a convolution holds one; a module that holds neither, as one
    with a class of its own, fits every name."""
    known = tuple(chain.from_iterable(LAYERS_OF_NAME.values()))
    layers = [part for part in module.modules() if isinstance(part, known)]
    if not layers:
        return True
    for word, layer_types in LAYERS_OF_NAME.items():
        if word in name and not any(isinstance(layer, layer_types) for layer in layers):
            return False
    return True


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
