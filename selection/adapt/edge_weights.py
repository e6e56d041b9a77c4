"""Weights of whole edges, which some hosts mix besides those of the operations: as PC-DARTS' beta."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..protocol import group_of
from .adapter import HostChoice
from .cells import GROUPS
from .host import Host


class EdgeWeights(NamedTuple):
    """Where a host keeps a number for each edge, and what the edges into one node make of theirs.

    Args:
        names: {group: attribute of the host, a tensor [edges]}.
        weigh: from the numbers of the edges into one node [edges] to their weights [edges].
    """

    names: Mapping[str, str]
    weigh: Callable[[Tensor], Tensor]

    def read(self, host: Host, choices: Mapping[str, HostChoice], name: str) -> Tensor:
        """Returns the weight [] of a choice's edge."""
        group, node = group_of(name), choices[name].node
        rivals = [rival for rival in choices if group_of(rival) == group and choices[rival].node == node]
        rows = [choices[rival].path[-1] for rival in rivals]
        numbers = getattr(host, self.names[group]).detach()
        return self.weigh(numbers[rows])[rivals.index(name)]


def softmax(numbers: Tensor) -> Tensor:
    """Returns the softmax over the edges into one node, as PC-DARTS takes it."""
    return numbers.softmax(-1)


def find_candidates(host: Host, choices: Mapping[str, HostChoice]) -> list[EdgeWeights]:
    """Lists the trained tensors of a host that have a number for each edge of each group, in all readings."""
    groups = [group for group in GROUPS if any(group_of(name) == group for name in choices)]
    found = {group: _list_tensors(host, len(getattr(host, f"alphas_{group}"))) for group in groups}
    pairs = []
    for first in found[groups[0]]:
        names = {group: first.replace(groups[0], group) for group in groups}
        if all(names[group] in found[group] for group in groups) and len(set(names.values())) == len(groups):
            pairs.append(names)
    in_order = found[groups[0]]
    if not pairs and len(in_order) == len(groups) and all(names == in_order for names in found.values()):
        pairs.append(dict(zip(groups, in_order)))
    return [EdgeWeights(names, weigh) for names in pairs for weigh in (softmax, torch.sigmoid, torch.clone)]


def _list_tensors(host: Host, edges: int) -> list[str]:
    """Lists the attributes of a host that are trained tensors [edges]."""
    held = {**vars(host), **host._parameters}
    return [
        name
        for name, value in held.items()
        if isinstance(value, Tensor) and value.requires_grad and value.shape == (edges,)
    ]
