"""The supernet of cells."""

from collections.abc import Iterator

from torch import Tensor, nn

from .cell import MixedCell
from .choices import name_choice
from .errors import SpaceError
from .macro import MACROS, CellSpec, find_macro
from .network import SUPERNETS, Supernet
from .relaxation import Relaxation
from .seeding import seeded
from .skeleton import Skeleton
from .space import Space


class CellSupernet(Supernet, Skeleton):
    """The supernet of a space of cells, in the skeleton of DARTS or of NAS-Bench-201.

    Args:
        space, num_classes, in_chans, relaxation, seed: see Supernet.
        auxiliary_skip: a skip connection beside every edge, added with the weight `auxiliary_weight`, which is 0 until
            whoever trains raises it (DARTS-, Chu et al. 2021).
        partial_channels: k, of which the options of an edge read a k-th of its channels while the rest passes by, and
            edges have weights of their own, `betas` (PC-DARTS, Xu et al. 2020).
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
        relaxation: str | Relaxation = "softmax",
        auxiliary_skip: bool = False,
        partial_channels: int = 1,
        seed: int | None = None,
    ):
        macro = find_macro(space.macro)
        sizes = macro.supernet_sizes.complete(channels, layers)
        widths = {group: len(cell.concat) for group, cell in space.cells.items()}

        def build_cell(spec: CellSpec) -> MixedCell:
            return MixedCell(
                space.cells[spec.group],
                spec.channels,
                spec.previous,
                reduction=spec.reduction,
                reduction_prev=spec.reduction_prev,
                preprocess=macro.preprocess,
                pool_norm=macro.pool_norm,
                auxiliary_skip=auxiliary_skip,
                partial_channels=partial_channels,
            )

        with seeded(seed):
            Skeleton.__init__(
                self,
                macro,
                widths,
                build_cell,
                channels=sizes.channels,
                layers=sizes.layers,
                num_classes=num_classes,
                in_chans=in_chans,
            )
            self._check_groups(space, sizes.layers)
            self.add_alphas(space, relaxation)
            if partial_channels > 1:
                self.add_betas(space)
        self.auxiliary_weight = 0.0

    def _check_groups(self, space: Space, layers: int) -> None:
        """Raises SpaceError where a group has no cell in the skeleton."""
        absent = space.cells.keys() - {spec.group for spec in self.cell_specs}
        if absent:
            raise SpaceError(
                f"with layers={layers} space {space.name} has no {', '.join(sorted(absent))} cell to search: "
                f"take at least 3 layers"
            )

    def forward(self, x: Tensor) -> Tensor:
        """images [B, in_chans, H, W] -> logits [B, num_classes]; on a CPU channels_last images are several times as
        fast (depthwise convolutions)."""
        mixing = self.mixing_weights()
        edges = self.edge_weights()
        drawn = {}
        if self.training and self.relaxation.one_path:
            drawn = {name: (weights != 0).tolist() for name, weights in mixing.items()}

        def call(spec: CellSpec, cell: MixedCell, previous: Tensor, current: Tensor) -> Tensor:
            group = spec.group
            return cell(
                previous,
                current,
                weights=mixing[group],
                act=mixing.get(f"{group}_act"),
                skip=mixing.get(f"{group}_skip"),
                auxiliary=self.auxiliary_weight,
                edge_weights=edges.get(group),
                drawn={"op": drawn[group], "skip": drawn.get(f"{group}_skip")} if drawn else None,
            )

        *_, features = self.run_blocks(x, call)
        return self.head(features)

    def carriers(self) -> dict[str, list[nn.Module]]:
        """Returns {choice of an operation: what passes by its options, or stands beside its edges}: it goes with the
        edge."""
        beside: dict[str, list[nn.Module]] = {}
        for spec, cell in zip(self.cell_specs, self.cells):
            if spec.group is None:
                continue
            passes = cell.partial.passes if cell.partial is not None else ()
            for modules in (cell.auxiliary or (), passes):
                for row, module in enumerate(modules):
                    beside.setdefault(name_choice(spec.group, row, "op"), []).append(module)
        return beside

    def choice_points(self) -> Iterator[tuple[str, tuple[str, ...], nn.ModuleList]]:
        """Yields the operation, the activation and the added skip of every edge of every cell, where it is a choice."""
        for spec, cell in zip(self.cell_specs, self.cells):
            if spec.group is None:
                continue
            for row, edge in enumerate(cell.edges):
                for kind, mixed in (("op", edge), ("act", edge.activation), ("skip", edge.skip)):
                    if mixed is not None:
                        yield name_choice(spec.group, row, kind), mixed.names, mixed.options


for _macro in MACROS.values():
    if _macro.made_of_cells:
        SUPERNETS[_macro.name] = CellSupernet
