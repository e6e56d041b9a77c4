"""A cell: states joined by edges; each edge mixes all its options."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from .mixed import MixedOp
from .operations import FactorizedReduce, Zero, relu_conv_bn
from .space import CellSpace
from .stacked import Activated, run_stacked, signature, untouched

Term = tuple[
    str, int, int, str, nn.Module
]  # kind of choice, row and column of its weight, name and module of the option


class MixedCell(nn.Module):
    """One cell of a supernet.

    Args:
        space: the wiring, and the options of every edge.
        channels: of every state inside.
        previous: channels of the input states, one for each input of the space.
        reduction: edges from the inputs have stride 2.
        reduction_prev: the cell before was a reduction, so the older input is twice as large.
        preprocess: bring the inputs to `channels` by ReLU, 1x1 convolution and BatchNorm (DARTS).
        pool_norm: BatchNorm behind poolings (DARTS).
    """

    def __init__(
        self,
        space: CellSpace,
        channels: int,
        previous: Sequence[int],
        *,
        reduction=False,
        reduction_prev=False,
        preprocess=True,
        pool_norm=True,
    ):
        super().__init__()
        self.space, self.channels = space, channels
        self.preprocess = build_preprocess(previous, channels, reduction_prev, affine=False) if preprocess else None
        self.edges = nn.ModuleList(
            MixedOp(
                options,
                channels,
                2 if reduction and source < space.inputs else 1,
                pool_norm=pool_norm,
                activations=space.activations,
                added_skip=space.added_skip,
            )
            for (source, _), options in zip(space.edges, space.operations)
        )
        self._place = {row: place for place, row in enumerate(space.parametric)}
        self._leaving = [
            [row for row, (source, _) in enumerate(space.edges) if source == state] for state in range(space.states)
        ]

    def forward(
        self, *inputs: Tensor, weights: Tensor, act: Tensor | None = None, skip: Tensor | None = None
    ) -> Tensor:
        """input states [B, C_k, H, W] and the weights [edges, options] of operations (activations and added skips) ->
        the concatenated output states."""
        mixing = {"op": weights, "act": act, "skip": skip}
        states = (
            [prepare(x) for prepare, x in zip(self.preprocess, inputs)]
            if self.preprocess
            else list(inputs[-self.space.inputs :])
        )
        sums: dict[int, Tensor] = {}
        for state in range(self.space.states):
            if state >= self.space.inputs:
                states.append(self._full(sums.get(state), state, states))
            for row, y in self._leave(states[state], self._leaving[state], mixing):
                node = self.space.edges[row][1]
                sums[node] = sums[node] + y if node in sums else y
        return concatenate(states, self.space.concat)

    def _full(self, total: Tensor | None, state: int, states: list[Tensor]) -> Tensor:
        """The state, also where every option that reaches it is `none` or switched off (a switched-off module returns a
        0-dim zero)."""
        if total is not None and total.dim():
            return total
        row, source = next((row, source) for row, (source, node) in enumerate(self.space.edges) if node == state)
        return Zero(self.edges[row].stride)(states[source])

    def _leave(self, x: Tensor, rows: list[int], mixing: Mapping[str, Tensor]) -> list[tuple[int, Tensor]]:
        """The terms that the edges `rows`, all of which read x, add to their nodes; `none` adds nothing and is not
        computed."""
        alike = defaultdict(list)
        parts: list[tuple[int, Tensor]] = []
        activated = self._activated(x, rows, mixing["act"])
        for row in rows:
            for kind, place, column, name, option in self._terms(row):
                if type(option) is Zero and untouched(option):
                    continue
                through = kind == "op" and self.edges[row].is_activated(name)
                layers = signature(option)
                if layers is None:
                    parts.append((row, mixing[kind][place, column] * option(activated.of((row,)) if through else x)))
                else:
                    alike[kind, name, layers, through].append((row, place, column, option))
        wide: dict[tuple[int, ...], Tensor] = {}
        for (kind, _, _, through), members in alike.items():
            among, places, columns, options = zip(*members)
            y = run_stacked(
                options,
                activated.of(among) if through else x,
                mixing[kind][list(places), list(columns)],
                shared=not through,
            )
            wide[among] = wide[among] + y if among in wide else y
        for among, y in wide.items():
            parts += zip(among, y.chunk(len(among), dim=1))
        return parts

    def _terms(self, row: int) -> Iterator[Term]:
        """What adds up to an edge's output."""
        edge = self.edges[row]
        for column, (name, option) in enumerate(zip(edge.names, edge.options._modules.values())):
            yield "op", row, column, name, option
        if edge.skip is not None:
            for column, (name, option) in enumerate(zip(edge.skip.names, edge.skip.options)):
                yield "skip", self._place[row], column, name, option

    def _activated(self, x: Tensor, rows: list[int], weights: Tensor | None) -> Activated | None:
        """x through the activations of the edges that have a choice of them."""
        mixed = [row for row in rows if self.edges[row].activation is not None]
        if not mixed:
            return None
        return Activated(
            mixed, [self.edges[row].activation for row in mixed], x, weights[[self._place[row] for row in mixed]]
        )


def build_preprocess(previous: Sequence[int], channels: int, reduction_prev: bool, affine: bool) -> nn.ModuleList:
    """Brings a cell's two inputs to `channels` and to one resolution."""
    older = (
        FactorizedReduce(previous[0], channels, affine)
        if reduction_prev
        else relu_conv_bn(previous[0], channels, affine=affine)
    )
    return nn.ModuleList([older, relu_conv_bn(previous[1], channels, affine=affine)])


def concatenate(states: Sequence[Tensor], concat: Sequence[int]) -> Tensor:
    """The cell's output: the states `concat` side by side."""
    return states[concat[0]] if len(concat) == 1 else torch.cat([states[index] for index in concat], dim=1)
