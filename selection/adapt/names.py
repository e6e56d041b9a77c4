"""What a host's options are called, which its code often keeps outside the network."""

from collections.abc import Mapping, Sequence

from torch import nn

from ..errors import SelectionError

OPERATIONS = (
    ("max_pool", (nn.MaxPool2d,)),
    ("avg_pool", (nn.AvgPool2d,)),
    ("conv", (nn.Conv2d,)),
)  # what an option of such a name is made of

DARTS_PT = {"normal": "primitives_normal", "reduce": "primitives_reduct"}


def from_source(thing: object, *names: str) -> object | None:
    """What the source file of an object's class, or of one that it inherits from, calls by one of some names (as
    `PRIMITIVES`); None where it does not.

    A name may lead on into a module that the file imports, as "gt.PRIMITIVES".
    """
    for kind in type(thing).__mro__:
        for function in list(vars(kind).values()):
            scope = getattr(function, "__globals__", {})
            for name in names:
                first, _, rest = name.partition(".")
                found = getattr(scope.get(first), rest, None) if rest else scope.get(first)
                if found is not None:
                    return found
    return None


def check_names(
    choice: str, names: Sequence[str] | None, carriers: Sequence[Sequence[nn.Module]]
) -> dict[str, list[nn.Module]]:
    """{option: [modules]} of one choice.

    Args:
        carriers: the candidates of each mixed operation that shares the choice.

    Raises:
        SelectionError: there are no names, or they do not fit the modules; the line says what to give.
    """
    give = "give primitives=[...], the names in the order in which the network was built"
    if names is None or isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise SelectionError(f"{choice}: the names of its {len(carriers[0])} operations are not known: {give}")
    for modules in carriers:
        if len(modules) != len(names):
            raise SelectionError(
                f"{choice}: {len(modules)} operations for {len(names)} names ({', '.join(names)}): {give}"
            )
    if len(set(names)) < len(names):
        raise SelectionError(f"{choice}: a name is given twice ({', '.join(names)}): {give}")
    found = {name: [modules[index] for modules in carriers] for index, name in enumerate(names)}
    for name, modules in found.items():
        for module in modules:
            if not _fits(name, module):
                raise SelectionError(f"{choice}: {name} is carried by {type(module).__name__}, which is none: {give}")
    return found


def _fits(name: str, module: nn.Module) -> bool:
    """Whether an option that is called a pooling or a convolution holds one, where the class does not bring its own."""
    known = [
        part for part in module.modules() if isinstance(part, (nn.modules.conv._ConvNd, nn.MaxPool2d, nn.AvgPool2d))
    ]
    return not known or all(
        any(isinstance(part, kinds) for part in known) for word, kinds in OPERATIONS if word in name
    )


def of_edge(primitives: object, group: str, row: int) -> Sequence[str] | None:
    """The names on one edge, out of a list for all edges, a list of lists, or darts-pt's {"primitives_normal": [[...],
    ...], "primitives_reduct": ...}."""
    if isinstance(primitives, Mapping):
        primitives = primitives.get(group, primitives.get(DARTS_PT.get(group)))
    if isinstance(primitives, Sequence) and primitives and not isinstance(primitives[0], str):
        return primitives[row] if row < len(primitives) else None
    return primitives
