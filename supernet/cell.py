"""A cell: states joined by edges; each edge mixes all its options."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .errors import SpaceError
from .mixed import MixedOp
from .operations import FactorizedReduce, Zero, build_added_skip, relu_conv_bn
from .partial import PartialChannels, check_share
from .space import CellSpace
from .stacked import Activated, run_stacked, signature, untouched


class Term(NamedTuple):
    """A summand of an edge's output.

    Args:
        kind: of the choice, "op" or "skip".
        row, column: the place of its mixing weight.
        name: of the option.
        option: its module.
    """

    kind: str
    row: int
    column: int
    name: str
    option: nn.Module


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
        auxiliary_skip: a skip connection beside every edge, which the forward pass weighs (DARTS-).
        partial_channels: k, of which the options read a k-th of the channels (PC-DARTS).
    """

    edges: Any  # nn.ModuleList of MixedOp
    auxiliary: Any  # nn.ModuleList, one an edge; None where there are none
    partial: Any  # PartialChannels; None where options read all channels

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
        auxiliary_skip=False,
        partial_channels=1,
    ):
        super().__init__()
        check_share(channels, partial_channels)
        if partial_channels > 1 and not preprocess and previous[-1] != channels:
            raise SpaceError(
                "partial_channels needs cells whose inputs have as many channels as their states: this space has others"
            )
        self.space = space
        self.channels = channels
        self.preprocess = build_preprocess(previous, channels, reduction_prev, affine=False) if preprocess else None
        self.edges = nn.ModuleList()
        for (source, _), options in zip(space.edges, space.operations):
            from_outside = source < space.inputs
            edge = MixedOp(
                options,
                channels // partial_channels,
                stride=2 if reduction and from_outside else 1,
                in_channels=previous[-1] // partial_channels if from_outside and not preprocess else None,
                pool_norm=pool_norm,
                activations=space.activations,
                added_skip=space.added_skip,
            )
            self.edges.append(edge)
        self.partial = None
        if partial_channels > 1:
            self.partial = PartialChannels(channels, partial_channels, [edge.stride for edge in self.edges])
        self.auxiliary = None
        if auxiliary_skip:
            self.auxiliary = nn.ModuleList(_build_auxiliary(edge, channels) for edge in self.edges)
        self._parametric_row = {edge: row for row, edge in enumerate(space.parametric)}
        self._edges_from: list[list[int]] = [[] for _ in range(space.states)]
        for edge, (source, _) in enumerate(space.edges):
            self._edges_from[source].append(edge)

    def forward(
        self,
        *inputs: Tensor,
        weights: Tensor,
        act: Tensor | None = None,
        skip: Tensor | None = None,
        drawn: Mapping[str, list[list[bool]]] | None = None,
        auxiliary: float = 0.0,
        edge_weights: Tensor | None = None,
    ) -> Tensor:
        """input states [B, C_k, H, W] and the weights [edges, options] of operations (activations and added skips) ->
        the concatenated output states.

        Args:
            drawn: {"op" or "skip": which weights [edges, options] are not 0}: the others are not computed. None
                computes all.
            auxiliary: weight of the skip connections beside the edges.
            edge_weights: [edges], of partial channels.
        """
        mixing = {"op": weights, "act": act, "skip": skip}
        if self.preprocess is None:
            states = list(inputs[-self.space.inputs :])
        else:
            states = [prepare(x) for prepare, x in zip(self.preprocess, inputs)]
        sums: dict[int, Tensor] = {}
        for state in range(self.space.states):
            if state >= self.space.inputs:
                states.append(self._fill_state(sums.get(state), state, states))
            summands = self._run_edges(self._read(states[state]), self._edges_from[state], mixing, drawn)
            if self.partial is not None:
                summands = self._pass_by(states[state], self._edges_from[state], summands, edge_weights)
            for edge, y in summands:
                node = self.space.edges[edge][1]
                sums[node] = sums[node] + y if node in sums else y
            if auxiliary and self.auxiliary is not None:
                for edge in self._edges_from[state]:
                    node = self.space.edges[edge][1]
                    sums[node] = sums.get(node, 0.0) + auxiliary * self.auxiliary[edge](states[state])
        return concatenate(states, self.space.concat)

    def _read(self, x: Tensor) -> Tensor:
        return x if self.partial is None else self.partial.head(x)

    def _pass_by(
        self, x: Tensor, edges: list[int], summands: list[tuple[int, Tensor]], weights: Tensor | Any
    ) -> list[tuple[int, Tensor]]:
        """Returns (edge, output) of the edges that read x, whole and weighted."""
        sums: dict[int, Tensor] = {}
        for edge, y in summands:
            sums[edge] = sums[edge] + y if edge in sums else y
        outputs = [(edge, self.partial.join(edge, sums.get(edge), x)) for edge in edges]
        return [(edge, weights[edge] * y) for edge, y in outputs if y is not None]

    def _fill_state(self, total: Tensor | None, state: int, states: list[Tensor]) -> Tensor:
        """Returns the state; zeros where every option that reaches it is `none` or switched off.

        A module that is switched off returns a 0-dim zero.
        """
        if total is not None and total.dim():
            return total
        edge = self.space.edges_into(state)[0]
        source, _ = self.space.edges[edge]
        return Zero(self.edges[edge].stride, self.channels)(states[source])

    def _run_edges(
        self,
        x: Tensor,
        edges: list[int],
        mixing: Mapping[str, Tensor],
        drawn: Mapping[str, list[list[bool]]] | None,
    ) -> list[tuple[int, Tensor]]:
        """Returns (edge, summand) of every summand that the edges, all of which read x, add to their nodes; `none` adds
        nothing and is not computed."""
        alike: dict[tuple, list[tuple[int, Term]]] = defaultdict(list)
        summands: list[tuple[int, Tensor]] = []
        activated = self._activate(x, edges, mixing["act"])
        for edge in edges:
            for term in self._list_terms(edge):
                if type(term.option) is Zero and untouched(term.option):
                    continue
                if drawn and not drawn[term.kind][term.row][term.column]:
                    continue
                is_activated = term.kind == "op" and self.edges[edge].is_activated(term.name)
                layers = signature(term.option)
                if layers is None:
                    weight = mixing[term.kind][term.row, term.column]
                    y = term.option(activated.of((edge,)) if is_activated else x)
                    summands.append((edge, weight * y))
                else:
                    alike[term.kind, term.name, layers, is_activated].append((edge, term))
        stacks: dict[tuple[int, ...], Tensor] = {}
        for (kind, _, _, is_activated), members in alike.items():
            stacked = tuple(edge for edge, _ in members)
            rows = [term.row for _, term in members]
            columns = [term.column for _, term in members]
            y = run_stacked(
                [term.option for _, term in members],
                activated.of(stacked) if is_activated else x,
                mixing[kind][rows, columns],
                shared=not is_activated,
            )
            stacks[stacked] = stacks[stacked] + y if stacked in stacks else y
        for stacked, y in stacks.items():
            summands += zip(stacked, y.chunk(len(stacked), dim=1))
        return summands

    def _list_terms(self, edge: int) -> Iterator[Term]:
        """Yields what adds up to an edge's output."""
        mixed = self.edges[edge]
        for column, (name, option) in enumerate(zip(mixed.names, mixed.options._modules.values())):
            yield Term("op", edge, column, name, option)
        if mixed.skip is not None:
            for column, (name, option) in enumerate(zip(mixed.skip.names, mixed.skip.options)):
                yield Term("skip", self._parametric_row[edge], column, name, option)

    def _activate(self, x: Tensor, edges: list[int], weights: Tensor) -> Activated | Any:
        """Returns x through the activations of the edges that have a choice of them."""
        mixed = [edge for edge in edges if self.edges[edge].activation is not None]
        if not mixed:
            return None
        rows = [self._parametric_row[edge] for edge in mixed]
        return Activated(mixed, [self.edges[edge].activation for edge in mixed], x, weights[rows])


def _build_auxiliary(edge: MixedOp, channels: int) -> nn.Module:
    return build_added_skip(channels, edge.stride, affine=False, in_channels=edge.in_channels)


def build_preprocess(previous: Sequence[int], channels: int, reduction_prev: bool, affine: bool) -> nn.ModuleList:
    """Builds what brings a cell's two inputs to `channels` and to one resolution."""
    if reduction_prev:
        older = FactorizedReduce(previous[0], channels, affine)
    else:
        older = relu_conv_bn(previous[0], channels, affine=affine)
    return nn.ModuleList([older, relu_conv_bn(previous[1], channels, affine=affine)])


def concatenate(states: Sequence[Tensor], concat: Sequence[int]) -> Tensor:
    """Returns a cell's output: the states `concat` side by side."""
    if len(concat) == 1:
        return states[concat[0]]
    return torch.cat([states[index] for index in concat], dim=1)
