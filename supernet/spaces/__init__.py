"""The named search spaces."""

from collections.abc import Callable

from ..errors import SpaceError, unknown
from ..space import Space
from .darts import darts, darts_pt, s1, s2, s3, s4
from .nasbench201 import nasbench201
from .tiny import tiny

_SPACES: dict[str, Callable[..., Space]] = {space.__name__: space for space in (darts, darts_pt, s1, s2, s3, s4, nasbench201, tiny)}


def list_spaces() -> list[str]:
    """The names that `create_space` takes.

    >>> list_spaces()
    ['darts', 'darts_pt', 'nasbench201', 's1', 's2', 's3', 's4', 'tiny']
    """
    return sorted(_SPACES)


def describe_spaces() -> dict[str, str]:
    """{name: one line}."""
    return {name: (_SPACES[name].__doc__ or "").strip() for name in list_spaces()}


def create_space(name: str, **options) -> Space:
    """The space of that name.

    Raises:
        SpaceError: the name is unknown, or the space does not take an option.

    >>> len(create_space("darts").choices())
    28
    """
    if name not in _SPACES:
        raise unknown("space", name, _SPACES)
    try:
        return _SPACES[name](**options)
    except TypeError as error:
        raise SpaceError(f"space {name}: {error}") from None
