"""A cell: states joined by edges; each edge mixes all its options."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .operations import FactorizedReduce, Zero, build_operation, relu_conv_bn
from .space import CellSpace
from .stacked import run_stacked, signature, untouched


class MixedOp(nn.Module):
    """All options of one edge, and their weighted sum (Liu et al. 2019, eq. 2).

    >>> edge = MixedOp(("skip_connect", "max_pool_3x3"), channels=4)
    >>> edge(torch.ones(2, 4, 8, 8), torch.tensor([0.25, 0.75])).shape
    torch.Size([2, 4, 8, 8])
    """

    def __init__(self, options: Sequence[str], channels: int, stride: int = 1, *, affine: bool = False, pool_norm: bool = True):
        super().__init__()
        self.names, self.stride = tuple(options), stride
        self.options = nn.ModuleList(build_operation(name, channels, stride, affine=affine, pool_norm=pool_norm) for name in options)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """x [B, C, H, W], weights [options] -> [B, C, H', W']."""
        return sum(weight * option(x) for weight, option in zip(weights, self.options))


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

    def __init__(self, space: CellSpace, channels: int, previous: Sequence[int], *, reduction=False, reduction_prev=False, preprocess=True, pool_norm=True):
        super().__init__()
        self.space, self.channels = space, channels
        self.preprocess = build_preprocess(previous, channels, reduction_prev, affine=False) if preprocess else None
        self.edges = nn.ModuleList(
            MixedOp(options, channels, 2 if reduction and source < space.inputs else 1, pool_norm=pool_norm)
            for (source, _), options in zip(space.edges, space.operations)
        )
        self._leaving = [[row for row, (source, _) in enumerate(space.edges) if source == state] for state in range(space.states)]

    def forward(self, *inputs: Tensor, weights: Tensor) -> Tensor:
        """input states [B, C_k, H, W] and the weights [edges, options] -> the concatenated output states."""
        states = [prepare(x) for prepare, x in zip(self.preprocess, inputs)] if self.preprocess else list(inputs[-self.space.inputs :])
        sums: dict[int, Tensor] = {}
        for state in range(self.space.states):
            if state >= self.space.inputs:
                states.append(self._full(sums.get(state), state, states))
            for row, y in self._leave(states[state], self._leaving[state], weights):
                node = self.space.edges[row][1]
                sums[node] = sums[node] + y if node in sums else y
        return concatenate(states, self.space.concat)

    def _full(self, total: Tensor | None, state: int, states: list[Tensor]) -> Tensor:
        """The state, also where every option that reaches it is `none` or switched off (a switched-off module returns a 0-dim zero)."""
        if total is not None and total.dim():
            return total
        row, source = next((row, source) for row, (source, node) in enumerate(self.space.edges) if node == state)
        return Zero(self.edges[row].stride)(states[source])

    def _leave(self, x: Tensor, rows: list[int], weights: Tensor) -> list[tuple[int, Tensor]]:
        """The terms that the edges `rows`, all of which read x, add to their nodes; `none` adds nothing and is not computed."""
        alike = defaultdict(list)
        parts: list[tuple[int, Tensor]] = []
        for row in rows:
            edge = self.edges[row]
            for column, (name, option) in enumerate(zip(edge.names, edge.options._modules.values())):
                if type(option) is Zero and untouched(option):
                    continue
                kind = signature(option)
                if kind is None:
                    parts.append((row, weights[row, column] * option(x)))
                else:
                    alike[name, kind].append((row, column, option))
        wide: dict[tuple[int, ...], Tensor] = {}
        for members in alike.values():
            among, columns, options = zip(*members)
            y = run_stacked(options, x, weights[list(among), list(columns)])
            wide[among] = wide[among] + y if among in wide else y
        for among, y in wide.items():
            parts += zip(among, y.chunk(len(among), dim=1))
        return parts


def build_preprocess(previous: Sequence[int], channels: int, reduction_prev: bool, affine: bool) -> nn.ModuleList:
    """Brings a cell's two inputs to `channels` and to one resolution."""
    older = FactorizedReduce(previous[0], channels, affine) if reduction_prev else relu_conv_bn(previous[0], channels, affine=affine)
    return nn.ModuleList([older, relu_conv_bn(previous[1], channels, affine=affine)])


def concatenate(states: Sequence[Tensor], concat: Sequence[int]) -> Tensor:
    """The cell's output: the states `concat` side by side."""
    return states[concat[0]] if len(concat) == 1 else torch.cat([states[index] for index in concat], dim=1)
