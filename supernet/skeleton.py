"""What stands around the cells: stem, order of cells, reductions, head. Supernet and discrete network share it, so they
differ in the cells alone.

`darts`: stem of 3C channels, `layers` cells, two of them reductions (after a third and two thirds), each cell reads the
two before it. `nasbench201`: stem of C channels, three stages of `layers` cells, between them residual blocks of stride
2, each cell reads the one before it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from .errors import SpaceError
from .operations import relu_conv_bn


@dataclass(frozen=True)
class Site:
    """The place of one cell: group None is a fixed residual block."""

    group: str | None
    channels: int
    previous: tuple[int, int]
    reduction: bool = False
    reduction_prev: bool = False


DEFAULTS = {"darts": {"channels": 16, "layers": 8}, "nasbench201": {"channels": 16, "layers": 5}}


def darts_sites(
    channels: int, layers: int, width: dict[str, int], stem_channels: int, reduction_prev: bool = False
) -> list[Site]:
    """The sites of `layers` cells; `width` gives, for each group, how many states its output holds."""
    sites, previous = [], (stem_channels, stem_channels)
    for layer in range(layers):
        reduction = "reduce" in width and layer in (layers // 3, 2 * layers // 3)
        channels *= 2 if reduction else 1
        group = "reduce" if reduction else "normal"
        sites.append(Site(group, channels, previous, reduction, reduction_prev))
        previous, reduction_prev = (previous[1], width[group] * channels), reduction
    return sites


def nasbench201_sites(channels: int, layers: int) -> list[Site]:
    """Three stages of `layers` cells and the two residual blocks between them."""
    sites = []
    for stage in range(3):
        if stage:
            sites.append(Site(None, 2 * channels, (channels, channels), reduction=True))
            channels *= 2
        sites += [Site("cell", channels, (channels, channels))] * layers
    return sites


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside average pooling and a 1x1 convolution; halves the resolution."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.body = nn.Sequential(
            relu_conv_bn(in_channels, out_channels, 3, 2), relu_conv_bn(out_channels, out_channels, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


class Skeleton(nn.Module):
    """Stem, cells, head.

    Args:
        macro: "darts" or "nasbench201".
        width: group -> number of states in a cell's output.
        build_cell: makes the cell of a site.
        channels, layers: see the module; `layers` counts cells (darts) or cells per stage (nasbench201).
        num_classes, in_chans: of the task.
        stem: "cifar" keeps the resolution, "imagenet" divides it by eight.

    Raises:
        SpaceError: sizes that cannot be built.
    """

    def __init__(
        self,
        macro: str,
        width: dict[str, int],
        build_cell: Callable[[Site], nn.Module],
        *,
        channels: int,
        layers: int,
        num_classes: int,
        in_chans: int = 3,
        stem: str = "cifar",
    ):
        super().__init__()
        _check_sizes(macro, width, stem, channels=channels, layers=layers, num_classes=num_classes, in_chans=in_chans)
        self.macro = macro
        self.num_classes, self.in_chans = num_classes, in_chans
        self.stem, self.second_stem, stem_channels = _build_stem(macro, stem, in_chans, channels)
        if macro == "darts":
            self.sites = darts_sites(channels, layers, width, stem_channels, reduction_prev=stem == "imagenet")
        else:
            self.sites = nasbench201_sites(channels, layers)
        self.cells = nn.ModuleList(
            ResidualBlock(site.previous[1], site.channels) if site.group is None else build_cell(site)
            for site in self.sites
        )
        last = self.sites[-1]
        features = last.channels * width[last.group]
        self.last = nn.Sequential(nn.BatchNorm2d(features), nn.ReLU()) if macro == "nasbench201" else nn.Identity()
        self.classifier = nn.Linear(features, num_classes)

    def run_cells(self, x: Tensor, call: Callable[[Site, nn.Module, Tensor, Tensor], Tensor]) -> Iterable[Tensor]:
        """Yields the output of every cell; `call` runs the cell of a site on its two inputs."""
        previous = self.stem(x)
        current = previous if self.second_stem is None else self.second_stem(previous)
        for site, cell in zip(self.sites, self.cells):
            output = cell(current) if site.group is None else call(site, cell, previous, current)
            previous, current = current, output
            yield output

    def block_outputs(self, x: Tensor) -> list[Tensor]:
        """The feature maps [B, C, H, W] between the cells: what the stem returns, then what each cell does."""
        outputs: list[Tensor] = []
        stem = self.stem if self.second_stem is None else self.second_stem
        handles = [
            block.register_forward_hook(lambda block, inputs, output: outputs.append(output))
            for block in (stem, *self.cells)
        ]
        try:
            self(x)
        finally:
            for handle in handles:
                handle.remove()
        return outputs

    def head(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> logits [B, num_classes]."""
        features = self.last(features)
        return self.classifier(
            F.avg_pool2d(features, features.shape[2:]).flatten(1)
        )  # its gradient keeps channels_last, a mean's does not


def _conv_bn(in_channels: int, out_channels: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(out_channels)]


def _build_stem(macro: str, stem: str, in_chans: int, channels: int) -> tuple[nn.Module, nn.Module | None, int]:
    if stem == "imagenet":
        first = nn.Sequential(*_conv_bn(in_chans, channels // 2, 2), nn.ReLU(), *_conv_bn(channels // 2, channels, 2))
        return first, nn.Sequential(nn.ReLU(), *_conv_bn(channels, channels, 2)), channels
    width = 3 * channels if macro == "darts" else channels
    return nn.Sequential(*_conv_bn(in_chans, width)), None, width


def _check_sizes(macro: str, width: dict[str, int], stem: str, **sizes: int) -> None:
    if macro not in DEFAULTS:
        raise SpaceError(f"unknown macro structure {macro!r}: darts or nasbench201")
    if stem not in ("cifar", "imagenet") or (stem, macro) == ("imagenet", "nasbench201"):
        raise SpaceError(f"the {macro} structure has no stem {stem!r}: cifar{' or imagenet' * (macro == 'darts')}")
    for name, size in sizes.items():
        if size < 1:
            raise SpaceError(f"{name} must be at least 1, not {size}")
    if sizes["channels"] % 2 and (stem == "imagenet" or "reduce" in width):
        raise SpaceError(
            f"channels must be even, not {sizes['channels']}: a skip connection of stride 2 makes its output in two halves"
        )
    needs_reduce = macro == "darts" and "normal" not in width and sizes["layers"] > 2
    if needs_reduce:
        raise SpaceError(f"{sizes['layers']} layers need a normal cell, and there is none")
