"""The supernet of cells."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .cell import MixedCell
from .errors import SpaceError
from .network import Supernet
from .skeleton import DEFAULTS, Site, Skeleton
from .space import Space


class CellSupernet(Supernet, Skeleton, macros=("darts", "nasbench201")):
    """The supernet of a space of cells, in the skeleton of DARTS or of NAS-Bench-201.

    Args:
        space, num_classes, in_chans, seed: see Supernet.
        channels: of the first cells. layers: cells (darts) or cells per stage (nasbench201).
    """

    def __init__(
        self,
        space: Space,
        *,
        channels: int | None = None,
        layers: int | None = None,
        num_classes: int,
        in_chans: int = 3,
        seed: int | None = None,
    ):
        defaults = DEFAULTS[space.macro]
        sizes: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_chans}
        sizes |= {
            "channels": defaults["channels"] if channels is None else channels,
            "layers": defaults["layers"] if layers is None else layers,
        }
        darts = space.macro == "darts"

        def build_cell(site: Site) -> MixedCell:
            return MixedCell(
                space.cells[site.group],
                site.channels,
                site.previous,
                reduction=site.reduction,
                reduction_prev=site.reduction_prev,
                preprocess=darts,
                pool_norm=darts,
            )

        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the GPUs' generators stay as they are
            Skeleton.__init__(
                self, space.macro, {group: len(cell.concat) for group, cell in space.cells.items()}, build_cell, **sizes
            )
            idle = space.cells.keys() - {site.group for site in self.sites}
            if idle:
                raise SpaceError(
                    f"with layers={sizes['layers']} space {space.name} has no {', '.join(sorted(idle))} cell to "
                    f"search: take at least 3 layers"
                )
            self.add_alphas(space)

    def forward(self, x: Tensor) -> Tensor:
        """images [B, in_chans, H, W] -> logits [B, num_classes]; on a CPU channels_last images are several times as
        fast (depthwise convolutions)."""
        mixing = self.mixing_weights()

        def run(site: Site, cell: MixedCell, previous: Tensor, current: Tensor) -> Tensor:
            group = site.group
            return cell(
                previous,
                current,
                weights=mixing[group],
                act=mixing.get(f"{group}_act"),
                skip=mixing.get(f"{group}_skip"),
            )

        *_, features = self.run_cells(x, run)
        return self.head(features)

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Every edge of every cell: its operation, its activation and its added skip, where they are choices."""
        for site, cell in zip(self.sites, self.cells):
            if site.group is not None:
                for row, edge in enumerate(cell.edges):
                    for kind, place in (("op", edge), ("act", edge.activation), ("skip", edge.skip)):
                        if place is not None:
                            yield f"{site.group}/{row}/{kind}", place.names, place.options
