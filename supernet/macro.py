"""Macro structures: what stands around the cells, one record for each.

The name of a structure is in files: it is the `format` of a genotype and the `macro` of a space. `find_macro` gives its
record. A new structure is a new record, and the functions that it names.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import SpaceError, unknown

Wiring = Sequence[tuple[int, int]]  # (source, node) of every edge of a cell


@dataclass(frozen=True)
class CellSpec:
    """The place of one cell in a network.

    Args:
        group: the kind of cell; None is a fixed residual block.
        channels: of every state that the cell computes.
        previous: channels of its two inputs, the older one first.
        reduction: the cell halves the resolution.
        reduction_prev: the cell before it did so, and the older input is twice as large.
    """

    group: str | Any
    channels: int
    previous: tuple[int, int]
    reduction: bool = False
    reduction_prev: bool = False


class Sizes(NamedTuple):
    """The usual sizes of a network; `layers` is None where the genotype has them."""

    channels: int
    layers: int | Any

    def complete(self, channels: int | None, layers: int | None) -> "Sizes":
        """Returns the given sizes, with the usual one for each that is None.

        >>> Sizes(16, 8).complete(None, 3)
        Sizes(channels=16, layers=3)
        """
        return Sizes(
            self.channels if channels is None else channels,
            self.layers if layers is None else layers,
        )


class TensorSizes(NamedTuple):
    """The sizes of a network of cells, read off its tensors; `num_classes` is None where it has no classifier."""

    channels: int
    layers: int
    num_classes: int | None
    in_chans: int
    stem: str


@dataclass(frozen=True)
class Macro:
    """A macro structure. The last nine fields concern structures of cells only.

    Args:
        name: in files, the `format` of a genotype and the `macro` of a space.
        groups: the kinds of cells that a genotype can have.
        inputs: states of a cell that come from outside.
        is_wired: whether (source, node) of all edges of a cell, in order, are those of an architecture.
        wiring_rule: what is_wired asks for, for messages.
        joins_nodes: a cell's output can join several nodes; otherwise it is the last node.
        supernet_sizes: the usual sizes of a supernet.
        network_sizes: {stem: usual sizes of the network of one genotype}; empty where there is no stem.
        place_cells: (channels, layers, {group: states in a cell's output}, channels of the stem, whether the stem ends
            with a reduction) -> the cells in order; None where the structure is not made of cells.
        count_layers: names of a network's tensors -> `layers`.
        stem_width: channels of the stem "cifar" for each channel of the first cell.
        strided_stem: the stem "cifar" divides the resolution by four.
        preprocess: cells bring their inputs to their own width by ReLU, 1x1 convolution and BatchNorm.
        pool_norm: poolings of the supernet have a BatchNorm.
        final_norm: BatchNorm and ReLU stand in front of the classifier.
        auxiliary_head: the network can have a second classifier while it is trained.
    """

    name: str
    groups: tuple[str, ...]
    inputs: int
    is_wired: Callable[[Wiring], bool]
    wiring_rule: str
    joins_nodes: bool
    supernet_sizes: Sizes
    network_sizes: Mapping[str, Sizes]
    place_cells: Callable[[int, int, Mapping[str, int], int, bool], list[CellSpec]] | Any = None
    count_layers: Callable[[Iterable[str]], int] | Any = None
    stem_width: int = 1
    strided_stem: bool = False
    preprocess: bool = False
    pool_norm: bool = False
    final_norm: bool = False
    auxiliary_head: bool = False

    @property
    def made_of_cells(self) -> bool:
        """Whether the structure is made of cells.

        If so, it has a stem, paths that can be dropped, and a depth of its own. If not, it is made of fully-connected
        layers: the genotype says how many, and the network also takes an image size and a parametrisation.
        """
        return self.place_cells is not None

    @property
    def stems(self) -> tuple[str, ...]:
        """The names of the stems that the structure can have."""
        return tuple(self.network_sizes)

    def read_sizes(self, shapes: Mapping[str, Sequence[int]]) -> TensorSizes:
        """Reads the sizes of a network of cells, supernet or not, off {name: shape} of its state_dict.

        >>> shapes = {"stem.0.weight": [48, 3, 3, 3], "cells.19.x": [], "classifier.weight": [10, 256]}
        >>> find_macro("darts").read_sizes(shapes)
        TensorSizes(channels=16, layers=20, num_classes=10, in_chans=3, stem='cifar')
        """
        stem_channels, in_chans = shapes["stem.0.weight"][:2]
        if any(name.startswith("second_stem.") for name in shapes):
            stem = "imagenet"
            channels = 2 * stem_channels
        else:
            stem = "cifar"
            channels = 2 * stem_channels if self.strided_stem else stem_channels // self.stem_width
        classifier = shapes.get("classifier.weight")
        num_classes = None if classifier is None else classifier[0]
        return TensorSizes(channels, self.count_layers(shapes), num_classes, in_chans, stem)


def find_macro(name: str) -> Macro:
    """Returns the record of a macro structure.

    Raises:
        SpaceError: there is none of that name.
    """
    if name not in MACROS:
        raise unknown("macro structure", name, MACROS)
    return MACROS[name]


def count_cells(names: Iterable[str]) -> int:
    """Returns one more than the largest number of a cell among the names of tensors.

    >>> count_cells(["stem.0.weight", "cells.0.x", "cells.12.x"])
    13
    """
    matches = [re.match(r"cells\.(\d+)\.", name) for name in names]
    return 1 + max((int(match[1]) for match in matches if match), default=-1)


def connect_all(nodes: Iterable[int]) -> list[tuple[int, int]]:
    """Returns (source, node) of every edge into these nodes, from every state before them.

    >>> connect_all([2, 3])
    [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    """
    return [(source, node) for node in nodes for source in range(node)]


def _nodes(wiring: Wiring) -> list[int]:
    return sorted({node for _, node in wiring})


def _is_wired_in_pairs(wiring: Wiring) -> bool:
    targets = [node for _, node in wiring]
    return targets == sorted(targets) and set(Counter(targets).values()) == {2}


def _is_fully_wired(wiring: Wiring) -> bool:
    return wiring == connect_all(_nodes(wiring))


def _is_chain(wiring: Wiring) -> bool:
    return wiring == [(node - 1, node) for node in _nodes(wiring)]


def _place_darts_cells(
    channels: int, layers: int, widths: Mapping[str, int], stem_channels: int, reduction_prev: bool
) -> list[CellSpec]:
    """Places `layers` cells, two of them reductions, after a third and two thirds, where there is a reduction cell."""
    specs = []
    previous = (stem_channels, stem_channels)
    for layer in range(layers):
        reduction = "reduce" in widths and layer in (layers // 3, 2 * layers // 3)
        if reduction:
            channels *= 2
        group = "reduce" if reduction else "normal"
        if group not in widths:
            raise SpaceError(f"{layers} layers need a {group} cell, and there is none")
        specs.append(CellSpec(group, channels, previous, reduction, reduction_prev))
        previous = (previous[1], widths[group] * channels)
        reduction_prev = reduction
    return specs


def _place_nasbench201_cells(
    channels: int, layers: int, widths: Mapping[str, int], stem_channels: int, reduction_prev: bool
) -> list[CellSpec]:
    """Places three stages of `layers` cells, and the two residual blocks between them."""
    specs = []
    for stage in range(3):
        if stage:
            specs.append(CellSpec(None, 2 * channels, (channels, channels), reduction=True))
            channels *= 2
        specs += [CellSpec("cell", channels, (channels, channels))] * layers
    return specs


def _place_transnas101_cells(
    channels: int, layers: int, widths: Mapping[str, int], stem_channels: int, reduction_prev: bool
) -> list[CellSpec]:
    """Places five modules of `layers` cells: the structure 41414, where 4 doubles the channels and halves the
    resolution by its first cell."""
    specs = []
    for module in range(5):
        if module % 2 == 0:
            specs.append(CellSpec("cell", 2 * channels, (channels, channels), reduction=True))
            channels *= 2
            specs += [CellSpec("cell", channels, (channels, channels))] * (layers - 1)
        else:
            specs += [CellSpec("cell", channels, (channels, channels))] * layers
    return specs


def _count_nasbench201_layers(names: Iterable[str]) -> int:
    """Counts the cells in front of the first residual block, which always has tensors; a cell of skips has none."""
    matches = [re.match(r"cells\.(\d+)\.shortcut\.", name) for name in names]
    return min((int(match[1]) for match in matches if match), default=0)


_DARTS = Macro(
    name="darts",
    groups=("normal", "reduce"),
    inputs=2,
    is_wired=_is_wired_in_pairs,
    wiring_rule="every node takes two edges, those of node 2 first",
    joins_nodes=True,
    supernet_sizes=Sizes(channels=16, layers=8),
    network_sizes={"cifar": Sizes(channels=36, layers=20), "imagenet": Sizes(channels=48, layers=14)},
    place_cells=_place_darts_cells,
    count_layers=count_cells,
    stem_width=3,
    preprocess=True,
    pool_norm=True,
    auxiliary_head=True,
)

_NASBENCH201 = Macro(
    name="nasbench201",
    groups=("cell",),
    inputs=1,
    is_wired=_is_fully_wired,
    wiring_rule="node 1 takes an edge from state 0, node 2 from 0 and 1, and so on, in this order",
    joins_nodes=False,
    supernet_sizes=Sizes(channels=16, layers=5),
    network_sizes={"cifar": Sizes(channels=16, layers=5)},
    place_cells=_place_nasbench201_cells,
    count_layers=_count_nasbench201_layers,
    final_norm=True,
)

_TRANSNAS101 = Macro(
    name="transnas101",
    groups=("cell",),
    inputs=1,
    is_wired=_is_fully_wired,
    wiring_rule="node 1 takes an edge from state 0, node 2 from 0 and 1, and so on, in this order",
    joins_nodes=False,
    supernet_sizes=Sizes(channels=64, layers=2),
    network_sizes={"cifar": Sizes(channels=64, layers=2)},
    place_cells=_place_transnas101_cells,
    count_layers=lambda names: count_cells(names) // 5,
    strided_stem=True,
)

_MLP = Macro(
    name="mlp",
    groups=("layer",),
    inputs=1,
    is_wired=_is_chain,
    wiring_rule="layers follow each other, and the first has no skip because its input has another width",
    joins_nodes=False,
    supernet_sizes=Sizes(channels=64, layers=None),
    network_sizes={},
)

MACROS = {macro.name: macro for macro in (_DARTS, _NASBENCH201, _TRANSNAS101, _MLP)}
