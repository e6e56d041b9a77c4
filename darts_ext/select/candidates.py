"""Candidates as networks of their own: untrained, of the size of the supernet."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from supernet import Genotype, MLPSpace, Space, build, find_macro

from ..config import SearchSettings
from ..data import Images
from ..runtime.errors import UsageError
from ..search import network_arguments
from .selector import Selector


@dataclass(frozen=True)
class NetworkBuild:
    """Builds the network of a genotype; can be sent to another process.

    Args:
        sizes: channels, layers and the like.
    """

    sizes: dict
    initialisation: str
    device: torch.device

    def __call__(self, genotype: Genotype, seed: int) -> torch.nn.Module:
        drawn = {} if self.initialisation == "default" else {"initialisation": self.initialisation}
        return build(genotype, seed=seed, **self.sizes, **drawn).to(self.device)


def read_network_build(
    space: Space | MLPSpace, images: Images, settings: SearchSettings, initialisation: str
) -> NetworkBuild:
    """Returns what builds networks of the supernet's size.

    Raises:
        UsageError: weights that networks of this space do not have.
    """
    macro = find_macro(space.macro)
    sizes: dict[str, object] = {"channels": settings.channels, **network_arguments(images, settings, macro)}
    if macro.made_of_cells:
        _, sizes["layers"] = macro.supernet_sizes.complete(settings.channels, settings.layers)
    elif initialisation != "default":
        raise UsageError(
            f"weights {initialisation} are of networks of cells, and {space.name} has others: take initial"
        )
    return NetworkBuild(sizes, initialisation, images.device)


@dataclass(frozen=True)
class CandidateBuild:
    """Builds an architecture as untrained networks, one for each draw of the weights."""

    space: Space | MLPSpace
    network: NetworkBuild
    seed: int
    draws: int

    def __call__(self, options: dict[str, str], inputs: dict[str, list[str]]) -> Iterator[torch.nn.Module]:
        genotype = self.space.genotype(options, inputs)
        for draw in range(self.draws):
            yield self.network(genotype, self.seed if draw == 0 else 1000 * (self.seed + 1) + draw)


def read_build(
    space: Space | MLPSpace, images: Images, settings: SearchSettings, selector: Selector, name: str
) -> CandidateBuild | None:
    """Returns what builds candidates, if the setting of that name asks for weights of their own."""
    weights = selector.settings.get(name) or "supernet"
    if weights == "supernet":
        return None
    initialisation = "default" if weights == "initial" else str(weights)
    network = read_network_build(space, images, settings, initialisation)
    return CandidateBuild(space, network, images.seed, int(str(selector.settings["draws"])))
