"""Converts a checkpoint of khanrc/pt.darts to a Supernet."""

import re

import torch
from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from ..spaces.darts import DARTS
from .filling import count_cells, empty_supernet, fill, unwrapped

_ORIGIN = "pt.darts"
_SKIP = 2  # its place among the original's operations
_SIZES = {"net.stem.0.weight": 4, "net.linear.weight": 2, "net.cells.0.preproc0.net.1.weight": 4}
_ALPHAS = {f"alpha_{group}.{node}": 2 for group in ("normal", "reduce") for node in range(4)}


def from_ptdarts(state_dict: dict[str, Tensor]) -> Supernet:
    """A supernet with the weights, BatchNorm statistics and alphas of a `SearchCNNController` of khanrc/pt.darts, whose
    `none` is the last operation.

    Args:
        state_dict: `SearchCNNController.state_dict()`, with alphas `alpha_normal.{node}` [node + 2, 8]. What the
            original saves is the pickled module.

    Returns:
        a Supernet of space `darts`; channels, layers, classes and dtype are read off the tensors.

    Raises:
        SpaceError: tensors are missing, have other shapes or are not finite; the line names the first.

    >>> from_ptdarts({})
    Traceback (most recent call last):
    supernet.errors.SpaceError: not a state_dict of pt.darts: net.stem.0.weight is missing
    """
    state = unwrapped(state_dict, _ORIGIN, {**_SIZES, **_ALPHAS})
    for name in _ALPHAS:
        expected = [2 + int(name[-1]), len(DARTS)]
        if list(state[name].shape) != expected:
            raise SpaceError(f"not a state_dict of {_ORIGIN}: {name} is {list(state[name].shape)}, not {expected}")
    alphas = {
        f"alphas.{group}": _none_first(torch.cat([state.pop(f"alpha_{group}.{node}") for node in range(4)]))
        for group in ("normal", "reduce")
    }
    tensors = {_rename(name): tensor for name, tensor in state.items()} | alphas
    stem, classifier = tensors["stem.0.weight"], tensors["classifier.weight"]
    sizes = {
        "channels": stem.shape[0] // 3,
        "layers": count_cells(tensors),
        "num_classes": classifier.shape[0],
        "in_chans": stem.shape[1],
    }
    return fill(empty_supernet(create_space("darts"), stem, **sizes), tensors, _ORIGIN)


def _none_first(alphas: Tensor) -> Tensor:
    return alphas.roll(1, dims=1)


def _rename(name: str) -> str:
    name = name.removeprefix("net.").replace("linear.", "classifier.")
    name = (
        re.sub(r"preproc([01])\.(?:net\.)?", r"preprocess.\1.", name)
        .replace(".conv1.", ".conv_1.")
        .replace(".conv2.", ".conv_2.")
    )
    found = re.fullmatch(r"(cells\.\d+)\.dag\.(\d+)\.(\d+)\._ops\.(\d+)\.(.+)", name)
    if not found:
        return name
    cell, node, source, option, inside = found[1], int(found[2]), int(found[3]), int(found[4]), found[5]
    row = node * (node + 3) // 2 + source
    # a separable convolution is two halves of four layers
    inside = re.sub(r"^net\.([01])\.net\.(\d)", lambda half: f"{4 * int(half[1]) + int(half[2])}", inside).removeprefix(
        "net."
    )
    if option != _SKIP:
        inside = re.sub(r"^bn\.", "1.", inside)  # behind a pooling
    return f"{cell}.edges.{row}.options.{(option + 1) % len(DARTS)}.{inside}"
