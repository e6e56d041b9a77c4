"""The network of a genotype with the methods that timm's tools call."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

from timm.models._features import feature_take_indices
from torch import Tensor, nn
from torch.nn import functional as F

from supernet import DiscreteNetwork, Genotype, SpaceError, find_macro
from supernet.skeleton import call_cell

from .checkpointing import is_training, run_without_keeping


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
        macro = find_macro(genotype.format)
        if not macro.made_of_cells:
            raise SpaceError(
                "timm models are networks of cells, and the genotype is MLP(...): supernet.build makes its network"
            )
        _check_sizes(num_classes=num_classes, in_chans=in_chans, channels=channels, layers=layers)
        if num_classes < 0:
            raise SpaceError(f"num_classes must be at least 0, not {num_classes}")
        if stem in macro.stems:
            channels, layers = macro.network_sizes[stem].complete(channels, layers)
        super().__init__(
            genotype,
            auxiliary=auxiliary,
            drop_path=drop_path_rate,
            stem=stem,
            node_scale=node_scale,
            in_chans=in_chans,
            channels=channels,
            layers=layers,
            num_classes=max(num_classes, 1),
        )
        self.drop_rate = drop_rate
        self.num_features = self.classifier.in_features
        self.head_hidden_size = self.num_features
        self.feature_info, self._level_blocks = self._levels(genotype, stem)
        if num_classes == 0 or global_pool != "avg":
            self.reset_classifier(num_classes, global_pool)
        else:
            self.global_pool = global_pool
        self.grad_checkpointing = False
        self.register_load_state_dict_pre_hook(_drop_auxiliary_head)
        self.register_load_state_dict_pre_hook(_keep_new_classifier)

    def _levels(self, genotype: Genotype, stem: str) -> tuple[list[dict], list[int]]:
        """Finds the last block of each resolution: its entry of timm's `feature_info`, and its index.

        Blocks are the stems and the cells, in this order.
        """
        reduction = 4 if stem == "imagenet" else 1
        blocks = [("stem", reduction, self.stem[-1].num_features)]
        if self.second_stem is not None:
            reduction *= 2
            blocks.append(("second_stem", reduction, self.second_stem[-1].num_features))
        for index, spec in enumerate(self.cell_specs):
            reduction *= 2 if spec.reduction else 1
            width = 1 if spec.group is None else len(genotype.cells[spec.group][1])
            blocks.append((f"cells.{index}", reduction, spec.channels * width))
        last = {reduction: index for index, (_, reduction, _) in enumerate(blocks)}
        info = []
        for index in last.values():
            module, reduction, channels = blocks[index]
            info.append({"module": module, "reduction": reduction, "num_chs": channels})
        return info, list(last.values())

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Makes training keep what passes between the cells only, and run each cell once more in the backward pass."""
        self.grad_checkpointing = enable

    def run_blocks(self, x: Tensor, call: Callable = call_cell) -> Iterator[Tensor]:
        """Yields the output of every stem, then that of every cell."""
        if not (self.grad_checkpointing and is_training(self)):
            return super().run_blocks(x, call)
        return super().run_blocks(x, lambda spec, cell, *inputs: run_without_keeping(cell, *inputs))

    def forward_features(self, x: Tensor) -> Tensor:
        """Maps images [B, in_chans, H, W] to the last feature maps [B, num_features, H', W']."""
        *_, features = self.run_blocks(x)
        return self.last(features)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Maps feature maps to logits [B, num_classes], or with `pre_logits` to the input of the classifier."""
        if self.global_pool:
            x = F.avg_pool2d(x, x.shape[2:]).flatten(1)
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.classifier(x)

    def head(self, features: Tensor) -> Tensor:
        """Maps the last cell's features to logits, as `DiscreteNetwork.forward` calls it."""
        return self.forward_head(self.last(features))

    def get_classifier(self) -> nn.Module:
        """Returns the linear classifier; an identity where there is none."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replaces the classifier by a new one, or by none for 0 classes.

        Raises:
            SpaceError: another pooling than "avg" or "", or a classifier without pooling.
        """
        pool = self.global_pool if global_pool is None else global_pool
        if pool not in ("avg", "") or (num_classes and not pool):
            raise SpaceError(
                f"global_pool is 'avg', or '' with num_classes=0, not {pool!r} with num_classes={num_classes}"
            )
        self.num_classes = num_classes
        self.global_pool = pool
        if num_classes:
            weight = self.stem[0].weight
            self.classifier = nn.Linear(self.num_features, num_classes, device=weight.device, dtype=weight.dtype)
        else:
            self.classifier = nn.Identity()

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Returns feature maps of the levels of `feature_info`, the last ones of each resolution.

        Args:
            indices: levels; an int takes that many of the last; None takes all.
            norm: apply to the last cell's maps what follows it (NAS-Bench-201).
            stop_early: leave out what comes behind the deepest level, with `intermediates_only`.
            intermediates_only: return the levels without (final features, levels).

        Raises:
            SpaceError: output_fmt is not NCHW.
        """
        if output_fmt != "NCHW":
            raise SpaceError(f"feature maps are NCHW, not {output_fmt}")
        levels, deepest = feature_take_indices(len(self.feature_info), indices)
        wanted = {self._level_blocks[level] for level in levels}
        intermediates = []
        for index, features in enumerate(self.run_blocks(x)):
            if index in wanted:
                normed = norm and index == self._level_blocks[-1]
                intermediates.append(self.last(features) if normed else features)
            if (stop_early or intermediates_only) and index == self._level_blocks[deepest]:
                break
        if intermediates_only:
            return intermediates
        return self.last(features), intermediates

    def prune_intermediate_layers(
        self, indices: int | Sequence[int] | None = None, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Removes the cells behind the deepest of these levels, and the head.

        Returns:
            the levels, as indices from the front.
        """
        levels, deepest = feature_take_indices(len(self.feature_info), indices)
        stems = 1 if self.second_stem is None else 2
        cells = max(0, self._level_blocks[deepest] + 1 - stems)
        self.cells = self.cells[:cells]
        self.cell_specs = self.cell_specs[:cells]
        if prune_norm:
            self.last = nn.Identity()
        if prune_head:
            self.reset_classifier(0, "")
            self.auxiliary_head = None
        return levels


def _check_sizes(**sizes: object) -> None:
    for name, size in sizes.items():
        if size is not None and not isinstance(size, Integral):
            raise SpaceError(f"{name} is a whole number, not {size!r}")


def _drop_auxiliary_head(net: TimmNetwork, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Lets a checkpoint that was trained with an auxiliary head fit a network without one."""
    if net.auxiliary_head is None:
        for name in list(state):
            if name.startswith(f"{prefix}auxiliary_head."):
                del state[name]


def _keep_new_classifier(net: TimmNetwork, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Lets weights of a network with another number of classes be loaded: the classifier stays as it is."""
    names = [f"{prefix}classifier.{part}" for part in ("weight", "bias")]
    if not isinstance(net.classifier, nn.Linear) or not all(name in state for name in names):
        return
    weight, bias = (state[name] for name in names)
    is_classifier = weight.dim() == 2 and weight.shape[1] == net.num_features and len(weight) == len(bias)
    if is_classifier and len(weight) != net.num_classes:
        warnings.warn(
            f"the weights are of {len(weight)} classes, and the network has {net.num_classes}: its classifier is left "
            f"as it was initialised",
            stacklevel=2,
        )
        state.update(zip(names, (net.classifier.weight.data, net.classifier.bias.data)))
