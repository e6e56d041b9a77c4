"""A checkpoint of quark0/darts goes on here."""

import re

import torch
from torch import Tensor

from .errors import SpaceError
from .network import Supernet
from .spaces import create_space

_RENAMES = (
    (r"preprocess([01])\.(?:op\.)?", r"preprocess.\1."),
    (r"_ops\.(\d+)\._ops\.(\d+)\.(?:op\.)?", r"edges.\1.options.\2."),
)
_SPACE_BY_OPTIONS = {8: "darts", 7: "darts_pt"}


def from_quark0(state_dict: dict[str, Tensor], alphas_normal: Tensor, alphas_reduce: Tensor) -> Supernet:
    """A supernet with the weights, BatchNorm statistics and alphas of a `Network` of quark0/darts (or of darts-pt: seven operations).

    Args:
        state_dict: `Network.state_dict()`; the original has no alphas in it.
        alphas_normal, alphas_reduce: [14, 8], operations in the order of the original's PRIMITIVES; [14, 7] without `none`.

    Returns:
        a Supernet of space `darts` or `darts_pt`; channels, layers, classes and dtype are read off the tensors.

    Raises:
        SpaceError: tensors are missing or have other shapes; the line names the first.
    """
    for name, alphas in (("alphas_normal", alphas_normal), ("alphas_reduce", alphas_reduce)):
        if alphas.dim() != 2 or alphas.shape[0] != 14 or alphas.shape[1] not in _SPACE_BY_OPTIONS or alphas.shape != alphas_normal.shape:
            raise SpaceError(f"{name} is {list(alphas.shape)}; a quark0/darts supernet has [14, 8], without `none` [14, 7]")
    for name, dims in (("stem.0.weight", 4), ("classifier.weight", 2), ("cells.0.preprocess0.op.1.weight", 4)):
        if name not in state_dict:
            raise SpaceError(f"not a state_dict of quark0/darts: {name} is missing")
        if state_dict[name].dim() != dims:
            raise SpaceError(f"not a state_dict of quark0/darts: {name} is {list(state_dict[name].shape)}; it should have {dims} dimensions")
    stem, classifier = state_dict["stem.0.weight"], state_dict["classifier.weight"]
    layers = 1 + max(int(match[1]) for match in map(re.compile(r"cells\.(\d+)\.").match, state_dict) if match)
    net = Supernet(
        create_space(_SPACE_BY_OPTIONS[alphas_normal.shape[1]]),
        channels=stem.shape[0] // 3, layers=layers, num_classes=classifier.shape[0], in_chans=stem.shape[1],
        seed=0,  # every value is overwritten; the global generator stays as it is
    ).to(dtype=stem.dtype, device=stem.device)  # fmt: skip
    tensors = {_rename(name): tensor for name, tensor in state_dict.items()}
    tensors |= {"alphas.normal": alphas_normal, "alphas.reduce": alphas_reduce}
    ours = net.state_dict()
    for name in sorted(ours.keys() ^ tensors.keys()):
        raise SpaceError(f"not a state_dict of quark0/darts: {name} is {'missing' if name in ours else 'unknown'}")
    for name, tensor in tensors.items():
        if tensor.shape != ours[name].shape:
            raise SpaceError(f"not a state_dict of quark0/darts: {name} is {list(tensor.shape)}, not {list(ours[name].shape)}")
    with torch.no_grad():
        net.load_state_dict({name: tensor.detach() for name, tensor in tensors.items()})
    return net


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
