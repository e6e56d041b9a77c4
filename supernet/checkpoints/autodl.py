"""Converts a checkpoint of a NAS-Bench-201 supernet of AutoDL-Projects, or of darts-pt, to a Supernet."""

import re

import torch
from torch import Tensor

from ..errors import SpaceError
from ..macro import count_cells
from ..network import Supernet
from ..spaces import create_space
from .filling import build_empty_supernet, check_entries, check_finite, fill, remove_statistics, rename, unwrap

_ORIGIN = "AutoDL's NAS-Bench-201 supernet"
_SIZES = {"stem.0.weight": 4, "classifier.weight": 2}
_ALPHAS = ("arch_parameters", "_arch_parameters")
_UNDERSCORED = r"^((?:module\.)?)_(stem|cells)\."


def _number_edge(match: re.Match[str]) -> str:
    """Returns the name of an option of the edge node<-source; edges are numbered node by node."""
    node, source, option = int(match[1]), int(match[2]), match[3]
    edge = node * (node - 1) // 2 + source
    return f".edges.{edge}.options.{option}."


def _number_convolution(match: re.Match[str]) -> str:
    return f".body.{'ab'.index(match[1])}."


_RENAMES = (
    (r"\.conv_([ab])\.op\.", _number_convolution),
    (r"\.downsample\.", ".shortcut."),
    (r"^lastact\.", "last."),
    (r"\.edges\.(\d)<-(\d)\.(\d+)\.(?:op\.)?", _number_edge),
)


def from_nasbench201(state_dict: dict[str, Tensor], arch_parameters: Tensor | None = None) -> Supernet:
    """Makes a supernet with the weights and alphas of AutoDL's `TinyNetworkDarts` or `GenericNAS201Model` (mode
    "joint"), or of darts-pt's `TinyNetworkDarts`.

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
    check_entries(state_dict, _ORIGIN)
    plain = {re.sub(_UNDERSCORED, r"\1\2.", name): tensor for name, tensor in state_dict.items()}
    state = unwrap(plain, _ORIGIN, _SIZES)
    own_alphas = [state.pop(name) for name in _ALPHAS if name in state]
    if arch_parameters is None and own_alphas:
        arch_parameters = own_alphas[0]
    alphas = _check_alphas(arch_parameters)
    tensors = {rename(name, _RENAMES): tensor for name, tensor in state.items()}
    tensors["alphas.cell"] = alphas
    cells = count_cells(tensors)
    if cells < 5 or cells % 3 != 2:
        raise SpaceError(
            f"not a state_dict of {_ORIGIN}: it has {cells} cells, not 3 stages of as many and 2 between them"
        )
    net = build_empty_supernet(create_space("nasbench201"), tensors)
    # GenericNAS201Model's last BatchNorm may have neither scale nor shift
    features = tensors["classifier.weight"][0]
    tensors.setdefault("last.0.weight", torch.ones_like(features))
    tensors.setdefault("last.0.bias", torch.zeros_like(features))
    _absorb_biases(tensors)
    remove_statistics(net, tensors)
    return fill(net, tensors, _ORIGIN)


def _check_alphas(alphas: Tensor | None) -> Tensor:
    """Returns the alphas, or raises SpaceError where there are none or they do not fit."""
    if alphas is None:
        raise SpaceError(
            f"the alphas are missing: {_ORIGIN} has them as arch_parameters in its state_dict; otherwise they are given"
        )
    if list(alphas.shape) != [6, 5]:
        raise SpaceError(f"arch_parameters is {list(alphas.shape)}; {_ORIGIN} has [6, 5]")
    check_finite({"arch_parameters": alphas})
    return alphas


def _absorb_biases(tensors: dict[str, Tensor]) -> None:
    """Removes the biases of convolutions whose BatchNorm has no shift, by subtracting them from its mean.

    A bias only moves the mean that the BatchNorm subtracts again.
    """
    biases = [name for name in tensors if re.search(r"\.options\.\d+\.1\.bias$", name)]
    for name in biases:
        bias = tensors.pop(name)
        mean = name.replace(".1.bias", ".2.running_mean")
        if mean in tensors:
            if tensors[mean].shape != bias.shape:
                raise SpaceError(
                    f"not a state_dict of {_ORIGIN}: {name} is {list(bias.shape)}, and the mean behind it "
                    f"{list(tensors[mean].shape)}"
                )
            tensors[mean] = tensors[mean] - bias.to(tensors[mean])
