"""The network of a genotype with the methods that timm's tools call."""

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

from timm.models._features import feature_take_indices
from torch import Tensor, nn
from torch.nn import functional as F

from supernet import DiscreteNetwork, Genotype, SpaceError

SIZES = {
    ("darts", "cifar"): (36, 20),
    ("darts", "imagenet"): (48, 14),
    ("nasbench201", "cifar"): (16, 5),
}  # channels and layers in the papers


class TimmNetwork(DiscreteNetwork):
    """The network that `supernet.build` makes, parameter for parameter, as a timm model.

    Args:
        num_classes: 0 leaves the classifier out, so that pooled features are returned.
        global_pool: "avg", or "" for feature maps (without a classifier).
        drop_rate: dropout in front of the classifier.
        drop_path_rate: rate at which each sample loses an operation's output; constant here, DARTS raises it over the
            epochs.
        channels, layers: by default those of the papers, for CIFAR or for ImageNet.
        stem, auxiliary, node_scale: see `supernet.build`; with an auxiliary head, training mode returns (logits,
            auxiliary logits).

    Raises:
        SpaceError: sizes that cannot be built, or the genotype is not one of cells.

    >>> cell = Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    >>> net = TimmNetwork(cell, num_classes=0, channels=8, layers=1)
    >>> net.num_features, [level["reduction"] for level in net.feature_info]
    (32, [1, 2, 4])
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        channels: int | None = None,
        layers: int | None = None,
        stem: str = "cifar",
        auxiliary: bool = False,
        node_scale: float | None = None,
    ):
        usual = SIZES.get((genotype.format, stem), (channels, layers))
        if genotype.format == "mlp":
            raise SpaceError(
                "timm models are networks of cells, and the genotype is MLP(...): supernet.build makes its network"
            )
        for name, size in {
            "num_classes": num_classes,
            "in_chans": in_chans,
            "channels": channels,
            "layers": layers,
        }.items():
            if size is not None and not isinstance(size, Integral):
                raise SpaceError(f"{name} is a whole number, not {size!r}")
        if num_classes < 0:
            raise SpaceError(f"num_classes must be at least 0, not {num_classes}")
        super().__init__(
            genotype,
            auxiliary=auxiliary,
            drop_path=drop_path_rate,
            stem=stem,
            node_scale=node_scale,
            in_chans=in_chans,
            channels=usual[0] if channels is None else channels,
            layers=usual[1] if layers is None else layers,
            num_classes=max(num_classes, 1),
        )
        self.drop_rate = drop_rate
        self.num_features = self.head_hidden_size = self.classifier.in_features
        self.feature_info, self._places = self._levels(genotype, stem)
        if num_classes == 0 or global_pool != "avg":
            self.reset_classifier(num_classes, global_pool)
        else:
            self.global_pool = global_pool
        self.register_load_state_dict_pre_hook(_without_auxiliary_head)

    def _levels(self, genotype: Genotype, stem: str) -> tuple[list[dict], list[int]]:
        """For each resolution the last block that has it: what timm must know of it, and its number among the blocks,
        stems first."""
        reduction = 4 if stem == "imagenet" else 1
        blocks = [("stem", reduction, self.stem[-1].num_features)]
        if self.second_stem is not None:
            reduction *= 2
            blocks.append(("second_stem", reduction, self.second_stem[-1].num_features))
        for index, site in enumerate(self.cell_specs):
            reduction *= 2 if site.reduction else 1
            width = 1 if site.group is None else len(genotype.cells[site.group][1])
            blocks.append((f"cells.{index}", reduction, site.channels * width))
        last = {reduction: place for place, (_, reduction, _) in enumerate(blocks)}
        info = [
            {"module": blocks[place][0], "reduction": reduction, "num_chs": blocks[place][2]}
            for reduction, place in last.items()
        ]
        return info, list(last.values())

    def _blocks(self, x: Tensor) -> Iterator[Tensor]:
        """The feature maps behind every stem and every cell."""
        previous = current = self.stem(x)
        yield current
        if self.second_stem is not None:
            current = self.second_stem(previous)
            yield current
        for site, cell in zip(self.cell_specs, self.cells):
            previous, current = current, cell(current) if site.group is None else cell(previous, current)
            yield current

    def forward_features(self, x: Tensor) -> Tensor:
        """images [B, in_chans, H, W] -> the last feature maps [B, num_features, H', W']."""
        *_, features = self._blocks(x)
        return self.last(features)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """feature maps -> logits [B, num_classes], or what the classifier reads."""
        if self.global_pool:
            x = F.avg_pool2d(x, x.shape[2:]).flatten(1)
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.classifier(x)

    def head(self, features: Tensor) -> Tensor:
        """What follows the last cell, as `DiscreteNetwork.forward` calls it."""
        return self.forward_head(self.last(features))

    def get_classifier(self) -> nn.Module:
        """The linear classifier; an identity where there is none."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new classifier, or none for 0 classes.

        Raises:
            SpaceError: another pooling than "avg" or "", or a classifier without pooling.
        """
        pool = self.global_pool if global_pool is None else global_pool
        if pool not in ("avg", "") or (num_classes and not pool):
            raise SpaceError(
                f"global_pool is 'avg', or '' with num_classes=0, not {pool!r} with num_classes={num_classes}"
            )
        self.num_classes, self.global_pool = num_classes, pool
        weight = self.stem[0].weight
        self.classifier = (
            nn.Linear(self.num_features, num_classes, device=weight.device, dtype=weight.dtype)
            if num_classes
            else nn.Identity()
        )

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Feature maps of the levels of `feature_info`, the last ones of each resolution; with the final features in
        front unless `intermediates_only`.

        Args:
            indices: levels; an int takes that many of the last; None takes all.
            norm: apply to the last cell's maps what follows it (NAS-Bench-201).
            stop_early: leave out what comes behind the deepest level, with `intermediates_only`.

        Raises:
            SpaceError: output_fmt is not NCHW.
        """
        if output_fmt != "NCHW":
            raise SpaceError(f"feature maps are NCHW, not {output_fmt}")
        levels, deepest = feature_take_indices(len(self.feature_info), indices)
        wanted, found = {self._places[level] for level in levels}, []
        for place, features in enumerate(self._blocks(x)):
            if place in wanted:
                found.append(self.last(features) if norm and place == self._places[-1] else features)
            if (stop_early or intermediates_only) and place == self._places[deepest]:
                break
        return found if intermediates_only else (self.last(features), found)

    def prune_intermediate_layers(
        self, indices: int | Sequence[int] | None = None, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Leaves out the cells behind the deepest of these levels, and the head; returns the levels as indices from the
        front."""
        levels, deepest = feature_take_indices(len(self.feature_info), indices)
        stems = 1 if self.second_stem is None else 2
        kept = max(0, self._places[deepest] + 1 - stems)
        self.cells, self.cell_specs = self.cells[:kept], self.cell_specs[:kept]
        if prune_norm:
            self.last = nn.Identity()
        if prune_head:
            self.reset_classifier(0, "")
            self.auxiliary_head = None
        return levels


def _without_auxiliary_head(net: TimmNetwork, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """A checkpoint that was trained with an auxiliary head fits a network without one."""
    if net.auxiliary_head is None:
        for name in [name for name in state if name.startswith(f"{prefix}auxiliary_head.")]:
            del state[name]
