"""The named search spaces."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import SpaceError, unknown
from ..space import Space
from .darts import darts, darts_pt, s1, s2, s3, s4
from .mlp import MLPSpace, mlp
from .nasbench201 import nasbench201
from .tiny import tiny
from .transnas101 import transnas101

_SPACES: dict[str, Callable[..., Space | MLPSpace]] = {
    space.__name__: space for space in (darts, darts_pt, s1, s2, s3, s4, nasbench201, transnas101, mlp, tiny)
}


def list_spaces() -> list[str]:
    """Returns the names that `create_space` takes.

    >>> list_spaces()
    ['darts', 'darts_pt', 'mlp', 'nasbench201', 's1', 's2', 's3', 's4', 'tiny', 'transnas101']
    """
    return sorted(_SPACES)


def describe_spaces() -> dict[str, str]:
    """Returns {name: one line about the space}."""
    return {name: (_SPACES[name].__doc__ or "").strip() for name in list_spaces()}


def create_space(
    name: str, *, activations: Sequence[str] | None = None, added_skip: bool | None = None, **options
) -> Space | MLPSpace:
    """Creates the space of that name.

    Args:
        activations: of the convolutions, see `list_activations`; by default ("relu",). Where there are several, every
            edge that has a convolution among its options gets a choice of the activation through which its convolutions
            read its input, beside its choice of an operation. Of `mlp`: of the layers; by default ReLU, leaky ReLU,
            sigmoid, tanh and swish.
        added_skip: every such edge also gets a choice whether its input is *added* to what its operation makes of it;
            by default only in `mlp`. (`skip_connect` is another decision: it *replaces* the operation.)
        options: of the space, as `layers` of `mlp`.

    Raises:
        SpaceError: the name or an activation is unknown, or the space does not take an option.

    >>> len(create_space("darts").choices())
    28
    >>> create_space("s2", activations=("relu", "gelu"), added_skip=True).choices()["reduce/0/act"]
    ('relu', 'gelu')
    """
    if not isinstance(name, str) or name not in _SPACES:
        raise unknown("space", str(name), _SPACES)
    try:
        space = _SPACES[name](**options)
    except TypeError as error:
        raise SpaceError(f"space {name}: {error}") from None
    settings: dict[str, object] = {}
    if activations is not None:
        settings["activations"] = tuple(activations) if isinstance(activations, list) else activations
    if added_skip is not None:
        settings["added_skip"] = added_skip
    if isinstance(space, MLPSpace):
        return replace(space, **settings)
    cells = {group: replace(cell, **settings) for group, cell in space.cells.items()}
    return replace(space, cells=cells)
