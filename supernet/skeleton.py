"""What stands around the cells: stem, order of cells, reductions, head. Supernet and discrete network share it, so they
differ in the cells alone.

`darts`: stem of 3C channels, `layers` cells, two of them reductions (after a third and two thirds), each cell reads the
two before it. `nasbench201`: stem of C channels, three stages of `layers` cells, between them residual blocks of stride
2, each cell reads the one before it. `transnas101`: stem of C channels and a quarter of the resolution, five modules of
`layers` cells, the first cell of every other module doubles the channels and halves the resolution. See `macro`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from .errors import SpaceError, check_size
from .macro import CellSpec, Macro
from .operations import relu_conv_bn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside average pooling and a 1x1 convolution; halves the resolution."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.body = nn.Sequential(
            relu_conv_bn(in_channels, out_channels, 3, 2),
            relu_conv_bn(out_channels, out_channels, 3),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


def call_cell(spec: CellSpec, cell: nn.Module, previous: Tensor, current: Tensor) -> Tensor:
    """Returns a cell's output for its two inputs."""
    return cell(previous, current)


class Skeleton(nn.Module):
    """Stem, cells, head.

    Args:
        macro: the macro structure.
        widths: group -> number of states in a cell's output.
        build_cell: makes the cell of a place.
        channels, layers: see the module; `layers` counts cells (darts) or cells per stage (nasbench201).
        num_classes, in_chans: of the task.
        stem: "cifar" keeps the resolution, "imagenet" divides it by eight.

    Raises:
        SpaceError: sizes that cannot be built.
    """

    cells: Any  # nn.ModuleList of what `build_cell` makes, and of ResidualBlocks

    def __init__(
        self,
        macro: Macro,
        widths: Mapping[str, int],
        build_cell: Callable[[CellSpec], nn.Module],
        *,
        channels: int,
        layers: int,
        num_classes: int,
        in_chans: int = 3,
        stem: str = "cifar",
    ):
        super().__init__()
        sizes = {"channels": channels, "layers": layers, "num_classes": num_classes, "in_chans": in_chans}
        _check_sizes(macro, widths, stem, sizes)
        self.num_classes = num_classes
        self.in_chans = in_chans
        if stem == "imagenet":
            stem_channels = channels
            self.stem, self.second_stem = _build_imagenet_stems(in_chans, channels)
        elif macro.strided_stem:
            stem_channels = channels
            self.stem, self.second_stem = _build_strided_stem(in_chans, channels), None
        else:
            stem_channels = macro.stem_width * channels
            self.stem = nn.Sequential(*_conv_bn(in_chans, stem_channels))
            self.second_stem = None
        self.cell_specs = macro.place_cells(channels, layers, widths, stem_channels, stem == "imagenet")
        self.cells = nn.ModuleList()
        for spec in self.cell_specs:
            if spec.group is None:
                self.cells.append(ResidualBlock(spec.previous[1], spec.channels))
            else:
                self.cells.append(build_cell(spec))
        last = self.cell_specs[-1]
        features = last.channels * widths[last.group]
        self.last = nn.Sequential(nn.BatchNorm2d(features), nn.ReLU()) if macro.final_norm else nn.Identity()
        self.classifier = nn.Linear(features, num_classes)

    @property
    def stems(self) -> list[nn.Module]:
        """What stands in front of the cells: one stem, or two."""
        return [self.stem] if self.second_stem is None else [self.stem, self.second_stem]

    def run_blocks(
        self, x: Tensor, call: Callable[[CellSpec, Any, Tensor, Tensor], Tensor] = call_cell
    ) -> Iterator[Tensor]:
        """Yields the output of every stem, then that of every cell; `call` runs a cell on its two inputs."""
        current = previous = self.stem(x)
        yield current
        if self.second_stem is not None:
            current = self.second_stem(previous)
            yield current
        for spec, cell in zip(self.cell_specs, self.cells):
            output = cell(current) if spec.group is None else call(spec, cell, previous, current)
            previous, current = current, output
            yield output

    def block_outputs(self, x: Tensor) -> list[Tensor]:
        """Returns the feature maps [B, C, H, W] between the cells: the last stem's, then those of each cell."""
        outputs: list[Tensor] = []

        def record(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            outputs.append(output)

        handles = [block.register_forward_hook(record) for block in (self.stems[-1], *self.cells)]
        try:
            self(x)
        finally:
            for handle in handles:
                handle.remove()
        return outputs

    def head(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> logits [B, num_classes]."""
        features = self.last(features)
        pooled = F.avg_pool2d(features, features.shape[2:])  # its gradient keeps channels_last, a mean's does not
        return self.classifier(pooled.flatten(1))


def _conv_bn(in_channels: int, out_channels: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(out_channels)]


def _build_imagenet_stems(in_chans: int, channels: int) -> tuple[nn.Module, nn.Module]:
    second = nn.Sequential(nn.ReLU(), *_conv_bn(channels, channels, stride=2))
    return _build_strided_stem(in_chans, channels), second


def _build_strided_stem(in_chans: int, channels: int) -> nn.Module:
    return nn.Sequential(
        *_conv_bn(in_chans, channels // 2, stride=2),
        nn.ReLU(),
        *_conv_bn(channels // 2, channels, stride=2),
    )


def _check_sizes(macro: Macro, widths: Mapping[str, int], stem: str, sizes: dict[str, int]) -> None:
    if not macro.made_of_cells:
        raise SpaceError(f"the {macro.name} structure is not made of cells")
    if stem not in macro.stems:
        raise SpaceError(f"the {macro.name} structure has no stem {stem!r}: {' or '.join(macro.stems)}")
    for name, size in sizes.items():
        check_size(name, size)
    if sizes["channels"] % 2 and (stem == "imagenet" or macro.strided_stem or "reduce" in widths):
        raise SpaceError(
            f"channels must be even, not {sizes['channels']}: a skip connection of stride 2 makes its output in two "
            f"halves"
        )
