"""Converts a checkpoint of quark0/darts, or of darts-pt, to a Supernet."""

import re

import torch
from torch import Tensor

from ..errors import SpaceError
from ..network import Supernet
from ..spaces import create_space
from .filling import build_empty_supernet, check_finite, fill, has_names_of, rename, unwrap

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
_GROUPS = ("normal", "reduce")  # in the order of its arch_parameters()
# by the number of options; the spaces of two are told apart by their tensors
_SPACES = {8: ("darts",), 7: ("darts_pt",), 3: ("s3",), 2: ("s1", "s4", "s2")}
_SIZES = {"stem.0.weight": 4, "classifier.weight": 2, "cells.0.preprocess0.op.1.weight": 4}


def from_quark0(
    state_dict: dict[str, Tensor], alphas_normal: Tensor | None = None, alphas_reduce: Tensor | None = None
) -> Supernet:
    """Makes a supernet with the weights, BatchNorm statistics and alphas of a `Network` of quark0/darts, or of darts-pt
    (seven operations, or spaces S1 to S4).

    Args:
        state_dict: `Network.state_dict()`; the original has no alphas in it, forks that make them parameters have
            `alphas_normal` and `alphas_reduce`, whole or one row, or the rows of one node, at a time, or a list of both
            as `arch_parameters`.
        alphas_normal, alphas_reduce: [14, 8], operations in the order of the original's PRIMITIVES; [14, 7] without
            `none`, [14, 2] or [14, 3] of S1 to S4. None where the state_dict has them.

    Returns:
        a Supernet of space `darts`, `darts_pt`, or `s1` to `s4`; channels, layers, classes and dtype are read off the
        tensors.

    Raises:
        SpaceError: tensors are missing, have other shapes or are not finite; the line names the first.
    """
    state = unwrap(state_dict, _ORIGIN, _SIZES)
    normal = _take_alphas(state, "normal", alphas_normal)
    reduce = _take_alphas(state, "reduce", alphas_reduce)
    _check_alphas("alphas_normal", normal, normal.shape)
    _check_alphas("alphas_reduce", reduce, normal.shape)
    original_names = {rename(name, _RENAMES): name for name in state}
    tensors = {name: state[original] for name, original in original_names.items()}
    tensors["alphas.normal"] = normal
    tensors["alphas.reduce"] = reduce
    for space in _SPACES[normal.shape[1]]:
        net = build_empty_supernet(create_space(space), tensors)
        if has_names_of(net, tensors):
            break

    def find_original_name(name: str) -> str:
        return original_names.get(name) or rename(name, _ORIGINALS)

    return fill(net, tensors, _ORIGIN, find_original_name)


def _take_alphas(state: dict[str, Tensor], group: str, given: Tensor | None) -> Tensor:
    """Removes the alphas of a group from the state, and returns them, or those given where it has none."""
    name = f"alphas_{group}"
    matches = [re.fullmatch(rf"_?alphas?_{group}(?:\.(\d+))?", key) for key in state]
    found = sorted((int(match[1] or 0), match[0]) for match in matches if match)
    rows = [state.pop(key) for _, key in found]
    known = [_join_rows(name, rows)] if rows else []
    place = _GROUPS.index(group)
    known += [state.pop(key) for key in (f"arch_parameters.{place}", f"_arch_parameters.{place}") if key in state]
    if given is not None:
        known.append(_check_tensor(name, given))
    if not known:
        raise SpaceError(f"{name} are missing: they are given, or stand in the state_dict")
    if any(not _are_equal(other, known[0]) for other in known[1:]):
        where = "that are given differ from" if given is not None else "stand twice and differ in"
        raise SpaceError(f"the {name} {where} those in the state_dict: give the ones that count")
    return known[0]


def _join_rows(name: str, rows: list[Tensor]) -> Tensor:
    matrices = [row[None] if row.dim() == 1 else row for row in rows]
    if {matrix.dim() for matrix in matrices} != {2} or len({matrix.shape[1] for matrix in matrices}) > 1:
        raise SpaceError(f"the rows of {name} are {[list(row.shape) for row in rows][:14]}; they should be as long")
    return torch.cat(matrices)


def _are_equal(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and torch.equal(given.detach().to(own), own.detach())


def _check_tensor(name: str, alphas: object) -> Tensor:
    if not isinstance(alphas, Tensor):
        raise SpaceError(f"{name} are a tensor [edges, options], not {type(alphas).__name__}")
    check_finite({name: alphas})
    return alphas


def _check_alphas(name: str, alphas: Tensor, shape: torch.Size) -> None:
    is_known = alphas.dim() == 2 and alphas.shape[0] == 14 and alphas.shape[1] in _SPACES
    if not is_known or alphas.shape != shape:
        raise SpaceError(
            f"{name} is {list(alphas.shape)}; a quark0/darts supernet has [14, 8], without `none` [14, 7], of S1 "
            f"to S4 [14, 2] or [14, 3]"
        )
    check_finite({name: alphas})
