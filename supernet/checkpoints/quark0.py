"""Converts a checkpoint of quark0/darts, or of darts-pt, to a Supernet."""

import torch
from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from .filling import build_empty_supernet, check_finite, fill, rename, unwrap

_RENAMES = (
    (r"preprocess([01])\.(?:op\.)?", r"preprocess.\1."),
    (r"_ops\.(\d+)\._ops\.(\d+)\.(?:op\.)?", r"edges.\1.options.\2."),
)
# what has a number stands in `op`, except the BatchNorm of a pooling, which has the number of other operations'
# convolution
_ORIGINALS = (
    (r"preprocess\.([01])\.(\d)", r"preprocess\1.op.\2"),
    (r"preprocess\.([01])\.", r"preprocess\1."),
    (r"edges\.(\d+)\.options\.(\d+)\.(?=[a-z]|1\.(?:running|num_batches))", r"_ops.\1._ops.\2."),
    (r"edges\.(\d+)\.options\.(\d+)\.", r"_ops.\1._ops.\2.op."),
)
_ORIGIN = "quark0/darts"
# by the number of options; the spaces of two are told apart by their tensors
_SPACES = {8: ("darts",), 7: ("darts_pt",), 3: ("s3",), 2: ("s1", "s4", "s2")}
_SIZES = {"stem.0.weight": 4, "classifier.weight": 2, "cells.0.preprocess0.op.1.weight": 4}


def from_quark0(state_dict: dict[str, Tensor], alphas_normal: Tensor, alphas_reduce: Tensor) -> Supernet:
    """Makes a supernet with the weights, BatchNorm statistics and alphas of a `Network` of quark0/darts, or of darts-pt
    (seven operations, or spaces S1 to S4).

    Args:
        state_dict: `Network.state_dict()`; the original has no alphas in it.
        alphas_normal, alphas_reduce: [14, 8], operations in the order of the original's PRIMITIVES; [14, 7] without
            `none`, [14, 2] or [14, 3] of S1 to S4.

    Returns:
        a Supernet of space `darts`, `darts_pt`, or `s1` to `s4`; channels, layers, classes and dtype are read off the
        tensors.

    Raises:
        SpaceError: tensors are missing, have other shapes or are not finite; the line names the first.
    """
    _check_alphas("alphas_normal", alphas_normal, alphas_normal.shape)
    _check_alphas("alphas_reduce", alphas_reduce, alphas_normal.shape)
    state = unwrap(state_dict, _ORIGIN, _SIZES)
    original_names = {rename(name, _RENAMES): name for name in state}
    tensors = {name: state[original] for name, original in original_names.items()}
    tensors["alphas.normal"] = alphas_normal
    tensors["alphas.reduce"] = alphas_reduce
    for space in _SPACES[alphas_normal.shape[1]]:
        net = build_empty_supernet(create_space(space), tensors)
        if net.state_dict().keys() == tensors.keys():
            break

    def find_original_name(name: str) -> str:
        return original_names.get(name) or rename(name, _ORIGINALS)

    return fill(net, tensors, _ORIGIN, find_original_name)


def _check_alphas(name: str, alphas: Tensor, shape: torch.Size) -> None:
    is_known = alphas.dim() == 2 and alphas.shape[0] == 14 and alphas.shape[1] in _SPACES
    if not is_known or alphas.shape != shape:
        raise SpaceError(
            f"{name} is {list(alphas.shape)}; a quark0/darts supernet has [14, 8], without `none` [14, 7], of S1 "
            f"to S4 [14, 2] or [14, 3]"
        )
    check_finite({name: alphas})
