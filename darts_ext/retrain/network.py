"""The network that is trained from scratch."""

from supernet import MLP, DiscreteNetwork, Genotype, build, find_macro

from ..config import RetrainSettings
from ..data import Images
from ..runtime.errors import UsageError
from ..search import network_arguments


def build_child(genotype: Genotype, images: Images, settings: RetrainSettings) -> DiscreteNetwork | MLP:
    """Builds the network of a genotype, on the images' device.

    Raises:
        UsageError: a setting does not apply to networks of this kind.
    """
    macro = find_macro(genotype.format)
    if not macro.made_of_cells and settings.drop_path:
        raise UsageError(
            f"fully-connected layers have no paths to drop: leave drop_path at 0, not {settings.drop_path}"
        )
    if macro.made_of_cells and settings.parametrisation != "standard":
        raise UsageError(f"parametrisation {settings.parametrisation} is one of mlp, and the genotype is one of cells")
    net = build(
        genotype,
        channels=settings.channels,
        layers=settings.layers if macro.made_of_cells else None,
        auxiliary=settings.auxiliary_weight > 0,
        seed=images.seed,
        node_scale=settings.node_scale,
        **network_arguments(images, settings, macro),
    )
    return net.to(images.device)
