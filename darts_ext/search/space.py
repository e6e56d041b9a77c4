"""The search space that the settings describe."""

from supernet import MLPSpace, Space, create_space, find_macro, is_twice_differentiable

from ..config import SearchSettings
from ..config.ranges import EVEN
from ..runtime.errors import UsageError


def read_space(settings: SearchSettings) -> Space | MLPSpace:
    """Creates the space of a search, with its activations and added skips.

    Raises:
        UsageError: it leaves nothing to choose, or second-order search meets an activation that has no second
            derivative.
        SpaceError: see `create_space`.
    """
    activations = None
    if settings.activations is not None:
        names = [name.strip() for name in settings.activations.split(",")]
        activations = tuple(name for name in names if name)
        if not activations:
            raise UsageError("activations names none: give names separated by commas, as relu,gelu")
    options = {"activations": activations, "added_skip": settings.added_skip}
    space = create_space(settings.space, **options)
    if find_macro(space.macro).made_of_cells:
        _check_cells(settings)
    elif settings.layers:
        space = create_space(settings.space, layers=settings.layers, **options)
    if not space.choices():
        raise UsageError(
            f"space {settings.space} with one activation and no added skip leaves nothing to choose: give "
            f"--activations or --added_skip"
        )
    has_skips = any("add_skip" in options for options in space.choices().values())
    if settings.skip_start and not has_skips:
        raise UsageError(f"skip_start {settings.skip_start} starts added skips, and there are none: --added_skip true")
    flat = [name for name in activations or () if not is_twice_differentiable(name)]
    if flat and settings.hypergradient == "exact":
        raise UsageError(
            f"{flat[0]} cannot be differentiated twice, as an exact hypergradient does: take --hypergradient "
            f"finite_difference, or leave it out"
        )
    return space


def _check_cells(settings: SearchSettings) -> None:
    """Raises UsageError for settings that a space of cells cannot have."""
    if settings.parametrisation != "standard":
        raise UsageError(f"parametrisation {settings.parametrisation} is one of mlp, and the space is {settings.space}")
    even = EVEN["range"]
    if not even.accepts(settings.channels):
        raise UsageError(f"channels {even.text.format(settings.channels)}")
