"""The space that the settings describe."""

from supernet import MLPSpace, Space, create_space, is_twice_differentiable

from ..config import SearchSettings
from ..runtime.errors import UsageError


def read_space(settings: SearchSettings) -> Space | MLPSpace:
    """The space of a search, with its activations and added skips.

    Raises:
        UsageError: it leaves nothing to choose, or second-order search meets an activation that has no second
            derivative. SpaceError: see `create_space`.
    """
    activations = (
        None
        if settings.activations is None
        else tuple(name.strip() for name in settings.activations.split(",") if name.strip())
    )
    if activations == ():
        raise UsageError("activations names none: give names separated by commas, as relu,gelu")
    depth = {"layers": settings.layers} if settings.space == "mlp" and settings.layers else {}
    space = create_space(settings.space, activations=activations, added_skip=settings.added_skip, **depth)
    if settings.space != "mlp" and settings.parametrisation != "standard":
        raise UsageError(f"parametrisation {settings.parametrisation} is one of mlp, and the space is {settings.space}")
    if not space.choices():
        raise UsageError(
            f"space {settings.space} with one activation and no added skip leaves nothing to choose: give "
            f"--activations or --added_skip"
        )
    flat = [name for name in activations or () if not is_twice_differentiable(name)]
    if flat and settings.hypergradient == "exact":
        raise UsageError(
            f"{flat[0]} cannot be differentiated twice, as an exact hypergradient does: take --hypergradient "
            f"finite_difference, or leave it out"
        )
    return space
