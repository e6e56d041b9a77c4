"""The networks that settings and images ask for."""

from pathlib import Path

from supernet import MLP, DiscreteNetwork, Genotype, Supernet, build

from .config import RetrainSettings, SearchSettings
from .data import Images
from .runtime.errors import UsageError
from .search import read_space


def build_supernet(images: Images, settings: SearchSettings, seed: int | None = None) -> Supernet:
    """The supernet of a search, on the images' device."""
    space = read_space(settings)
    sizes = {"channels": settings.channels, "layers": settings.layers, **task(images, settings, space.macro)}
    return Supernet(space, seed=seed, **sizes).to(images.device)


def build_child(genotype: Genotype, images: Images, settings: RetrainSettings) -> DiscreteNetwork | MLP:
    """The network that is trained from scratch, on the images' device."""
    dense = genotype.format == "mlp"
    if dense and settings.drop_path:
        raise UsageError(
            f"fully-connected layers have no paths to drop: leave drop_path at 0, not {settings.drop_path}"
        )
    if not dense and settings.parametrisation != "standard":
        raise UsageError(f"parametrisation {settings.parametrisation} is one of mlp, and the genotype is one of cells")
    layers = None if dense else settings.layers
    sizes = {
        "channels": settings.channels,
        "layers": layers,
        "auxiliary": settings.auxiliary_weight > 0,
        **task(images, settings, genotype.format),
    }
    return build(genotype, seed=images.seed, node_scale=settings.node_scale, **sizes).to(images.device)


def task(images: Images, settings: SearchSettings | RetrainSettings, form: str) -> dict[str, object]:
    """What a network must know of the images, and of fully-connected layers."""
    dense = {"image_size": images.dataset.image_size, "parametrisation": settings.parametrisation}
    return images.task | (dense if form == "mlp" else {})


def read_genotype(path: Path) -> Genotype:
    """A genotype file: JSON, DARTS text or a NAS-Bench-201 string."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a genotype: {error}") from None
    return Genotype.from_json(text) if text.startswith("{") else Genotype.from_text(text)
