"""Converts a checkpoint of quark0/darts, or of darts-pt, to a Supernet."""

import re

from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from .filling import check_finite, count_cells, empty_supernet, fill, unwrapped

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
_SPACES = {
    8: ("darts",),
    7: ("darts_pt",),
    3: ("s3",),
    2: ("s1", "s4", "s2"),
}  # by the number of options; those of two are told apart by their tensors
_SIZES = {"stem.0.weight": 4, "classifier.weight": 2, "cells.0.preprocess0.op.1.weight": 4}


def from_quark0(state_dict: dict[str, Tensor], alphas_normal: Tensor, alphas_reduce: Tensor) -> Supernet:
    """A supernet with the weights, BatchNorm statistics and alphas of a `Network` of quark0/darts, or of darts-pt
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
    for name, alphas in (("alphas_normal", alphas_normal), ("alphas_reduce", alphas_reduce)):
        if (
            alphas.dim() != 2
            or alphas.shape[0] != 14
            or alphas.shape[1] not in _SPACES
            or alphas.shape != alphas_normal.shape
        ):
            raise SpaceError(
                f"{name} is {list(alphas.shape)}; a quark0/darts supernet has [14, 8], without `none` [14, 7], of S1 "
                f"to S4 [14, 2] or [14, 3]"
            )
        check_finite({name: alphas})
    state = unwrapped(state_dict, _ORIGIN, _SIZES)
    stem, classifier = state["stem.0.weight"], state["classifier.weight"]
    sizes = {
        "channels": stem.shape[0] // 3,
        "layers": count_cells(state),
        "num_classes": classifier.shape[0],
        "in_chans": stem.shape[1],
    }
    names = {_rename(name): name for name in state}
    tensors = {name: state[original] for name, original in names.items()} | {
        "alphas.normal": alphas_normal,
        "alphas.reduce": alphas_reduce,
    }
    for space in _SPACES[alphas_normal.shape[1]]:
        net = empty_supernet(create_space(space), stem, **sizes)
        if net.state_dict().keys() == tensors.keys():
            break
    return fill(net, tensors, _ORIGIN, lambda name: names.get(name) or _rename(name, _ORIGINALS))


def _rename(name: str, renames: tuple[tuple[str, str], ...] = _RENAMES) -> str:
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name
