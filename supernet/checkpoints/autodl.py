"""Converts a checkpoint of a NAS-Bench-201 supernet of AutoDL-Projects, or of darts-pt, to a Supernet."""

import re

import torch
from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from .filling import check_finite, count_cells, empty_supernet, fill, untrack, unwrapped

_ORIGIN = "AutoDL's NAS-Bench-201 supernet"
_SIZES = {"stem.0.weight": 4, "classifier.weight": 2}
_ALPHAS = ("arch_parameters", "_arch_parameters")
_RENAMES = (
    (r"\.conv_([ab])\.op\.", lambda block: f".body.{'ab'.index(block[1])}."),
    (r"\.downsample\.", ".shortcut."),
    (r"^lastact\.", "last."),
    (
        r"\.edges\.(\d)<-(\d)\.(\d+)\.(?:op\.)?",
        lambda edge: f".edges.{int(edge[1]) * (int(edge[1]) - 1) // 2 + int(edge[2])}.options.{edge[3]}.",
    ),
)


def from_nasbench201(state_dict: dict[str, Tensor], arch_parameters: Tensor | None = None) -> Supernet:
    """A supernet with the weights and alphas of AutoDL's `TinyNetworkDarts` or `GenericNAS201Model` (mode "joint"), or
    of darts-pt's `TinyNetworkDarts`.

    Args:
        state_dict: the network's; alphas are in AutoDL's, as `arch_parameters`.
        arch_parameters: [6, 5]; edges 1<-0, 2<-0, 2<-1, 3<-0, ..., operations none, skip_connect, nor_conv_1x1,
            nor_conv_3x3, avg_pool_3x3.

    Returns:
        a Supernet of space `nasbench201`; channels, cells, classes and dtype are read off the tensors. BatchNorms
        without running statistics stay without: in eval mode they take the batch's, as in the original.

    Raises:
        SpaceError: tensors are missing, have other shapes or are not finite; the line names the first.

    >>> from_nasbench201({})
    Traceback (most recent call last):
    supernet.errors.SpaceError: not a state_dict of AutoDL's NAS-Bench-201 supernet: stem.0.weight is missing
    """
    plain = {re.sub(r"^((?:module\.)?)_(stem|cells)\.", r"\1\2.", name): tensor for name, tensor in state_dict.items()}
    state = unwrapped(plain, _ORIGIN, _SIZES)
    inside = [state.pop(name) for name in _ALPHAS if name in state]
    alphas = arch_parameters if arch_parameters is not None else inside[0] if inside else None
    if alphas is None:
        raise SpaceError(
            f"the alphas are missing: {_ORIGIN} has them as arch_parameters in its state_dict; otherwise they are given"
        )
    if list(alphas.shape) != [6, 5]:
        raise SpaceError(f"arch_parameters is {list(alphas.shape)}; {_ORIGIN} has [6, 5]")
    check_finite({"arch_parameters": alphas})
    tensors = {_rename(name): tensor for name, tensor in state.items()} | {"alphas.cell": alphas}
    stem, classifier, cells = tensors["stem.0.weight"], tensors["classifier.weight"], count_cells(tensors)
    if cells < 5 or cells % 3 != 2:
        raise SpaceError(
            f"not a state_dict of {_ORIGIN}: it has {cells} cells, not 3 stages of as many and 2 between them"
        )
    net = empty_supernet(
        create_space("nasbench201"),
        stem,
        channels=stem.shape[0],
        layers=(cells - 2) // 3,
        num_classes=classifier.shape[0],
        in_chans=stem.shape[1],
    )
    for name, value in (
        ("last.0.weight", 1.0),
        ("last.0.bias", 0.0),
    ):  # GenericNAS201Model's last BatchNorm may have neither scale nor shift
        tensors.setdefault(name, torch.full_like(classifier[0], value))
    _absorb_biases(tensors)
    untrack(net, tensors)
    return fill(net, tensors, _ORIGIN)


def _absorb_biases(tensors: dict[str, Tensor]) -> None:
    """The original's convolutions have a bias where their BatchNorm has no shift: it only moves the mean that is
    subtracted again."""
    for name in [name for name in tensors if re.search(r"\.options\.\d+\.1\.bias$", name)]:
        bias, mean = tensors.pop(name), name.replace(".1.bias", ".2.running_mean")
        if mean in tensors:
            tensors[mean] = tensors[mean] - bias


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
