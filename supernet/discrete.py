"""The network of one genotype, trained from scratch or from a checkpoint."""

from typing import Any

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from .cell import build_preprocess, concatenate
from .errors import SpaceError
from .genotype import Edge, Genotype
from .mlp import MLP
from .nodescale import NodeScale
from .operations import CONVOLUTIONS, build_added_skip, build_operation
from .skeleton import Site, Skeleton

DEFAULTS = {"darts": {"channels": 36, "layers": 20}, "nasbench201": {"channels": 16, "layers": 5}}


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
        site: Site,
        preprocess: bool,
        node_scale: float | None = None,
    ):
        super().__init__()
        self.wiring, self.concat = edges, concat
        self.preprocess = (
            build_preprocess(site.previous, site.channels, site.reduction_prev, affine=True) if preprocess else None
        )
        strides = [2 if site.reduction and edge.source < 2 else 1 for edge in edges]
        self.edges = nn.ModuleList(
            build_operation(edge.op, site.channels, stride, activation=edge.act) for edge, stride in zip(edges, strides)
        )
        for row, edge in enumerate(edges) if node_scale is not None else ():
            if edge.op in CONVOLUTIONS:
                self.edges[row].append(NodeScale(site.channels, node_scale))
        self.drop_path = nn.ModuleList(
            nn.Identity() if isinstance(op, nn.Identity) else DropPath(0.0) for op in self.edges
        )
        skips = {
            str(row): build_added_skip(site.channels, stride)
            for row, (edge, stride) in enumerate(zip(edges, strides))
            if edge.skip
        }
        self.skips = nn.ModuleDict(skips)

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        states = (
            [prepare(x) for prepare, x in zip(self.preprocess, (previous, current))] if self.preprocess else [current]
        )
        node, total = self.wiring[0].node, 0
        for row, (edge, op, drop) in enumerate(zip(self.wiring, self.edges, self.drop_path)):
            if edge.node != node:
                states.append(total)
                node, total = edge.node, 0
            total = total + drop(op(states[edge.source]))
            if edge.skip:
                total = total + self.skips[str(row)](states[edge.source])
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
        fits = all((size - 5) // self.stride == 1 for size in x.shape[2:])
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
        def build_cell(site: Site) -> DiscreteCell:
            if site.group not in genotype.cells:
                raise SpaceError(
                    f"the genotype has no {site.group} cell, which a network of {sizes['layers']} layers needs"
                )
            return DiscreteCell(*genotype.cells[site.group], site, genotype.format == "darts", node_scale)

        width = {group: len(concat) for group, (_, concat) in genotype.cells.items()}
        super().__init__(genotype.format, width, build_cell, stem=stem, **sizes)
        self.genotype = genotype
        self.auxiliary_head = None
        if auxiliary:
            if genotype.format != "darts":
                raise SpaceError("an auxiliary head belongs to DARTS networks; leave it out for NAS-Bench-201")
            self.auxiliary_site = 2 * len(self.sites) // 3
            site = self.sites[self.auxiliary_site]
            self.auxiliary_head = AuxiliaryHead(
                site.channels * width[site.group], sizes["num_classes"], stem == "imagenet"
            )
        self.set_drop_path(drop_path)

    def set_drop_path(self, probability: float) -> None:
        """Sets the drop-path rate of every operation; DARTS raises it linearly over the epochs."""
        if not 0 <= probability < 1:
            raise SpaceError(f"a drop-path rate lies in [0, 1), not {probability}")
        for module in self.modules():
            if isinstance(module, DropPath):
                module.drop_prob = probability

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """images [B, in_chans, H, W] -> logits [B, num_classes]; with an auxiliary head and in training mode (logits,
        auxiliary logits)."""
        auxiliary = None
        for index, features in enumerate(
            self.run_cells(x, lambda site, cell, previous, current: cell(previous, current))
        ):
            if self.auxiliary_head is not None and self.training and index == self.auxiliary_site:
                auxiliary = self.auxiliary_head(features)
        logits = self.head(features)
        return logits if auxiliary is None else (logits, auxiliary)


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
    seed: int | None = None,
    **dense: Any,
) -> DiscreteNetwork | MLP:
    """The network of one genotype.

    Args:
        channels, layers: by default 36 channels and 20 cells (DARTS), or 16 channels and 5 cells per stage
            (NAS-Bench-201). Of `MLP(...)`: the width of its layers, and as many as it has.
        num_classes, in_chans: of the task.
        auxiliary: a second classifier; in training mode the network then returns (logits, auxiliary logits).
        drop_path: rate at which each sample loses an operation's output, except an identity's.
        stem: "cifar", or "imagenet" (an eighth of the resolution before the first cell).
        node_scale: gamma of a `NodeScale` behind every convolution or every activation of `MLP(...)`, so that the
            network can be pruned in a known order (see `prune_nodes`); None has none.
        seed: of the weights; None takes torch's global generator as it is.
        dense: of `MLP(...)`: image_size, parametrisation, weight_variance; see `mlp.Layers`.

    Raises:
        SpaceError: sizes that cannot be built, a cell that the genotype lacks, or no Genotype.

    >>> cell = Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    >>> sum(p.numel() for p in build(cell, num_classes=10).parameters())
    316346
    """
    if not isinstance(genotype, Genotype):
        raise SpaceError(f"build takes a Genotype, not {type(genotype).__name__}: Genotype.from_text(...) reads a text")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)  # the GPUs' generators stay as they are
        if genotype.format == "mlp":
            dense |= {"channels": channels, "num_classes": num_classes, "in_chans": in_chans, "node_scale": node_scale}
            return _build_mlp(genotype, layers, auxiliary or drop_path or stem != "cifar", **dense)
        if dense:
            raise SpaceError(
                f"{', '.join(dense)} belongs to fully-connected networks, and the genotype is one of cells"
            )
        defaults = DEFAULTS[genotype.format]
        sizes = {
            "channels": defaults["channels"] if channels is None else channels,
            "layers": defaults["layers"] if layers is None else layers,
        }
        sizes |= {"num_classes": num_classes, "in_chans": in_chans, "stem": stem, "node_scale": node_scale}
        return DiscreteNetwork(genotype, auxiliary=auxiliary, drop_path=drop_path, **sizes)


def _build_mlp(genotype: Genotype, layers: int | None, has_cells: object, **sizes: Any) -> MLP:
    own = len(genotype.cells["layer"][0])
    if layers not in (None, own):
        raise SpaceError(f"the genotype has {own} hidden layers, not {layers}")
    if has_cells:
        raise SpaceError(
            "auxiliary heads, drop path and stems belong to networks of cells, and the genotype is MLP(...)"
        )
    return MLP(genotype, **sizes)
