"""The network of one genotype, trained from scratch or from a checkpoint."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from .cell import build_preprocess, concatenate
from .edge import Edge
from .errors import SpaceError
from .genotype import Genotype
from .graph import trace_graph
from .initialisation import draw_weights
from .macro import CellSpec, find_macro
from .mlp import MLP
from .nodescale import NodeScale
from .operations import CONVOLUTIONS, build_added_skip, build_operation
from .seeding import seeded
from .skeleton import Skeleton


def build_drop_paths(operations: nn.ModuleList) -> nn.ModuleList:
    """Builds timm's DropPath for each operation, and nothing for an identity."""
    from timm.layers.drop import DropPath  # slow to import

    return nn.ModuleList(
        nn.Identity() if isinstance(operation, nn.Identity) else DropPath(0.0) for operation in operations
    )


class DiscreteCell(nn.Module):
    """A cell whose edges carry one operation each; each operation's output is dropped per sample with the drop-path
    rate, except an identity's.

    What an added skip brings is added behind that, and never dropped. With `node_scale` a NodeScale of that gamma
    stands behind the last BatchNorm of every convolution, where none follows that would cancel it: an extension of
    Caron et al. (2023), who look at fully-connected layers.
    """

    def __init__(
        self,
        edges: tuple[Edge, ...],
        concat: tuple[int, ...],
        spec: CellSpec,
        preprocess: bool,
        node_scale: float | None = None,
    ):
        super().__init__()
        self.wiring = edges
        self.concat = concat
        self.preprocess = None
        if preprocess:
            self.preprocess = build_preprocess(spec.previous, spec.channels, spec.reduction_prev, affine=True)
        from_outside = [edge.source < edges[0].node for edge in edges]
        strides = [2 if spec.reduction and outside else 1 for outside in from_outside]
        widths = [None if preprocess or not outside else spec.previous[-1] for outside in from_outside]
        self.edges = nn.ModuleList()
        for edge, stride, width in zip(edges, strides, widths):
            operation: Any = build_operation(edge.op, spec.channels, stride, activation=edge.act, in_channels=width)
            if node_scale is not None and edge.op in CONVOLUTIONS:
                operation.append(NodeScale(spec.channels, node_scale))
            self.edges.append(operation)
        self.drop_path = build_drop_paths(self.edges)
        self.skips = nn.ModuleDict()
        for row, (edge, stride, width) in enumerate(zip(edges, strides, widths)):
            if edge.skip:
                self.skips[str(row)] = build_added_skip(spec.channels, stride, in_channels=width)

    def set_drop_path(self, probability: float) -> None:
        for drop in self.drop_path:
            if not isinstance(drop, nn.Identity):
                drop.drop_prob = probability  # pyright: ignore[reportArgumentType]

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        states = [current]
        if self.preprocess is not None:
            states = [self.preprocess[0](previous), self.preprocess[1](current)]
        node = self.wiring[0].node
        total: Tensor | Any = 0
        for row, (edge, operation, drop) in enumerate(zip(self.wiring, self.edges, self.drop_path)):
            if edge.node != node:
                states.append(total)
                node = edge.node
                total = 0
            x = states[edge.source]
            total = total + drop(operation(x))
            if edge.skip:
                total = total + self.skips[str(row)](x)
        return concatenate([*states, total], self.concat)


class AuxiliaryHead(nn.Module):
    """A second classifier behind two thirds of the cells, for the loss while training (as in DARTS)."""

    def __init__(self, channels: int, num_classes: int, imagenet: bool):
        super().__init__()
        self.stride = 2 if imagenet else 3
        second_norm = [] if imagenet else [nn.BatchNorm2d(768)]  # the original's ImageNet head has none either
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            *second_norm,
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        # the original pools 8x8 (CIFAR) or 7x7 (ImageNet) maps to 2x2 by windows of 5; other sizes go to 2x2 as well
        fits = (x.shape[2] - 5) // self.stride == 1 and (x.shape[3] - 5) // self.stride == 1
        x = F.avg_pool2d(x, 5, self.stride, count_include_pad=False) if fits else F.adaptive_avg_pool2d(x, 2)
        return self.classifier(self.features(x).flatten(1))


class DiscreteNetwork(Skeleton):
    """The network of one genotype; see `build`."""

    def __init__(
        self,
        genotype: Genotype,
        *,
        auxiliary: bool = False,
        drop_path: float = 0.0,
        stem: str = "cifar",
        node_scale: float | None = None,
        **sizes: Any,
    ):
        macro = find_macro(genotype.format)
        widths = {group: len(concat) for group, (_, concat) in genotype.cells.items()}

        def build_cell(spec: CellSpec) -> DiscreteCell:
            edges, concat = genotype.cells[spec.group]
            return DiscreteCell(edges, concat, spec, macro.preprocess, node_scale)

        super().__init__(macro, widths, build_cell, stem=stem, **sizes)
        self.genotype = genotype
        self.auxiliary_head = None
        if auxiliary:
            if not macro.auxiliary_head:
                raise SpaceError("an auxiliary head belongs to DARTS networks; leave it out for NAS-Bench-201")
            index = 2 * len(self.cell_specs) // 3
            spec = self.cell_specs[index]
            self.auxiliary_block = len(self.stems) + index
            self.auxiliary_head = AuxiliaryHead(
                spec.channels * widths[spec.group], sizes["num_classes"], stem == "imagenet"
            )
        self.set_drop_path(drop_path)

    def __prepare_scriptable__(self) -> nn.Module:
        """Returns what torch.jit.script compiles in the network's place."""
        return trace_graph(self)

    def set_drop_path(self, probability: float) -> None:
        """Sets the drop-path rate of every operation; DARTS raises it linearly over the epochs."""
        if not isinstance(probability, (int, float)) or not 0 <= probability < 1:
            raise SpaceError(f"a drop-path rate lies in [0, 1), not {probability!r}")
        for cell in self.modules():
            if isinstance(cell, DiscreteCell):
                cell.set_drop_path(probability)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """images [B, in_chans, H, W] -> logits [B, num_classes]; with an auxiliary head and in training mode (logits,
        auxiliary logits)."""
        auxiliary_logits = None
        for index, features in enumerate(self.run_blocks(x)):
            if self.auxiliary_head is not None and self.training and index == self.auxiliary_block:
                auxiliary_logits = self.auxiliary_head(features)
        logits = self.head(features)
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)


def build(
    genotype: Genotype,
    *,
    channels: int | None = None,
    layers: int | None = None,
    num_classes: int,
    in_chans: int = 3,
    auxiliary: bool = False,
    drop_path: float = 0.0,
    stem: str = "cifar",
    node_scale: float | None = None,
    initialisation: str = "default",
    seed: int | None = None,
    **dense: Any,
) -> DiscreteNetwork | MLP:
    """Builds the network of one genotype.

    Args:
        channels, layers: by default those of the papers, see `macro`. Of `MLP(...)`: the width of its layers, and as
            many as it has.
        auxiliary: a second classifier; in training mode the network then returns (logits, auxiliary logits).
        drop_path: rate at which each sample loses an operation's output, except an identity's.
        stem: "cifar", or "imagenet" (an eighth of the resolution before the first cell).
        node_scale: gamma of a `NodeScale` behind every convolution or every activation of `MLP(...)`, see
            `prune_nodes`; None has none.
        initialisation: how the weights of a network of cells are drawn, see `list_initialisations`.
        seed: of the weights; None takes torch's global generator.
        dense: of `MLP(...)`: image_size, parametrisation, weight_variance; see `mlp.DenseStack`.

    Raises:
        SpaceError: sizes that cannot be built, a cell that the genotype lacks, or no Genotype.

    >>> cell = Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    >>> sum(p.numel() for p in build(cell, num_classes=10).parameters())
    316346
    """
    if not isinstance(genotype, Genotype):
        raise SpaceError(f"build takes a Genotype, not {type(genotype).__name__}: Genotype.from_text(...) reads a text")
    sizes = {"num_classes": num_classes, "in_chans": in_chans, "node_scale": node_scale}
    of_cells = {"auxiliary": auxiliary, "drop_path": drop_path, "stem": stem}
    with seeded(seed):
        if find_macro(genotype.format).made_of_cells:
            _check_has_none(dense)
            net = _build_cells(genotype, channels, layers, **sizes, **of_cells)
            draw_weights(net, initialisation)
            return net
        if initialisation != "default":
            raise SpaceError("initialisation is of networks of cells; MLP(...) draws its weights by weight_variance")
        has_cells = bool(auxiliary or drop_path or stem != "cifar")
        return _build_mlp(genotype, layers, has_cells, channels=channels, **sizes, **dense)


def _check_has_none(dense: dict[str, Any]) -> None:
    if dense:
        raise SpaceError(f"{', '.join(dense)} belongs to fully-connected networks, and the genotype is one of cells")


def _build_cells(genotype: Genotype, channels: int | None, layers: int | None, **options: Any) -> DiscreteNetwork:
    usual = find_macro(genotype.format).network_sizes["cifar"]
    channels, layers = usual.complete(channels, layers)
    return DiscreteNetwork(genotype, channels=channels, layers=layers, **options)


def _build_mlp(genotype: Genotype, layers: int | None, has_cells: bool, **sizes: Any) -> MLP:
    edges, _ = genotype.cells["layer"]
    if layers not in (None, len(edges)):
        raise SpaceError(f"the genotype has {len(edges)} hidden layers, not {layers}")
    if has_cells:
        raise SpaceError(
            "auxiliary heads, drop path and stems belong to networks of cells, and the genotype is MLP(...)"
        )
    return MLP(genotype, **sizes)
