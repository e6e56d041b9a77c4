"""Converts a checkpoint of khanrc/pt.darts to a Supernet."""

import re

import torch
from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from ..spaces.darts import DARTS
from .filling import build_empty_supernet, fill, rename, unwrap

_ORIGIN = "pt.darts"
_SKIP = 2  # its place among the original's operations
_SIZES = {"net.stem.0.weight": 4, "net.linear.weight": 2, "net.cells.0.preproc0.net.1.weight": 4}
_RENAMES = (
    (r"^net\.", ""),
    (r"linear\.", "classifier."),
    (r"preproc([01])\.(?:net\.)?", r"preprocess.\1."),
    (r"\.conv([12])\.", r".conv_\1."),
)
_ALPHAS = {f"alpha_{group}.{node}": 2 for group in ("normal", "reduce") for node in range(4)}


def from_ptdarts(state_dict: dict[str, Tensor]) -> Supernet:
    """Makes a supernet with the weights, BatchNorm statistics and alphas of a `SearchCNNController` of khanrc/pt.darts,
    whose `none` is the last operation.

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
    state = unwrap(state_dict, _ORIGIN, {**_SIZES, **_ALPHAS})
    for name in _ALPHAS:
        node = int(name[-1])
        shape, expected = list(state[name].shape), [2 + node, len(DARTS)]
        if shape != expected:
            raise SpaceError(f"not a state_dict of {_ORIGIN}: {name} is {shape}, not {expected}")
    alphas = {}
    for group in ("normal", "reduce"):
        rows = [state.pop(name) for name in _ALPHAS if name.startswith(f"alpha_{group}.")]
        alphas[f"alphas.{group}"] = torch.cat(rows).roll(1, dims=1)  # `none` is the first option here
    tensors = {_rename(name): tensor for name, tensor in state.items()} | alphas
    return fill(build_empty_supernet(create_space("darts"), tensors), tensors, _ORIGIN)


def _rename(name: str) -> str:
    name = rename(name, _RENAMES)
    match = re.fullmatch(r"(cells\.\d+)\.dag\.(\d+)\.(\d+)\._ops\.(\d+)\.(.+)", name)
    if not match:
        return name
    cell, inside = match[1], match[5]
    node, source, option = int(match[2]), int(match[3]), int(match[4])
    edge = node * (node + 3) // 2 + source
    inside = re.sub(r"^net\.([01])\.net\.(\d)", _number_layer, inside).removeprefix("net.")
    if option != _SKIP:
        inside = re.sub(r"^bn\.", "1.", inside)  # behind a pooling
    return f"{cell}.edges.{edge}.options.{(option + 1) % len(DARTS)}.{inside}"


def _number_layer(match: re.Match[str]) -> str:
    """Returns the number of a layer in a separable convolution, which is two halves of four layers."""
    half, layer = int(match[1]), int(match[2])
    return str(4 * half + layer)
