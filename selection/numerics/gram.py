"""The products K_ij = <J_i, J_j> of per-sample gradients of any network."""

import warnings
from collections.abc import Collection
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SelectionError
from ..preserve import preserved
from .layerwise import Cotangents, layerwise_kernel
from .logits import check_logits, refuse_nan
from .persample import gradient_rows
from .precision import settle_dtype
from .state import call_with, converted

MIXED_TYPES = ("same dtype", "scalar type")  # what torch says where tensors of two types meet


def gram(
    model: nn.Module,
    x: Tensor,
    x2: Tensor | None,
    cotangents: Cotangents,
    *,
    names: list[str],
    off: Collection[nn.Module] = (),
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The sum over cotangents v of the products of grad <v_i, f(x_i)>, [B, B] or [B, B2].

    Args:
        x, x2, batchnorm, dtype, block, seed: as in `selection.ntk`.
        cotangents: from logits [b, K, ...], and the slice of the inputs that they belong to, to a list of tensors of
            that shape, row i used for sample i.
        names: of the parameters that are differentiated by.
        off: modules that do not compute, whose parameters and statistics are not used.

    Raises:
        SelectionError: see `selection.ntk`.
    """
    like = next(model.parameters())
    dtype = settle_dtype(like, _read_dtype(dtype), "ntk")
    _check_inputs(x, x2, batchnorm, block)
    form = partial(_form, model, x, x2, cotangents, names=names, off=off, batchnorm=batchnorm, block=block, seed=seed)
    try:
        return form(dtype=dtype)
    except RuntimeError as error:
        if like.dtype == dtype or not any(words in str(error) for words in MIXED_TYPES):
            raise
        warnings.warn(
            f"ntk: computed in {like.dtype}: a tensor of the network is no parameter, and keeps it", stacklevel=3
        )
        return form(dtype=like.dtype)


def _form(
    model: nn.Module,
    x: Tensor,
    x2: Tensor | None,
    cotangents: Cotangents,
    *,
    names: list[str],
    off: Collection[nn.Module],
    batchnorm: str,
    dtype: torch.dtype,
    block: int | None,
    seed: int,
) -> Tensor:
    def convert(tensor: Tensor) -> Tensor:
        return _cast(tensor, dtype, copy=not isinstance(tensor, nn.Parameter))

    state = converted(model, convert)
    x = _cast(x, dtype)
    x2 = None if x2 is None else _cast(x2, dtype)
    note = None
    with preserved(model, seed=seed):
        if batchnorm == "coupled":
            kernel = _coupled_kernel(model, state, names, x, cotangents)
        else:
            settings = {"frozen": batchnorm == "frozen", "block": block, "seed": seed}
            kernel, note = layerwise_kernel(model, state, names, off, x, x2, cotangents, **settings)
    if note:
        warnings.warn(f"ntk: {note}", stacklevel=3)
    if not kernel.is_meta and not kernel.isfinite().all():
        raise SelectionError("the network's gradients are not finite numbers")
    return kernel


def is_count(value: object) -> bool:
    """Whether the value is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_inputs(x: Tensor, x2: Tensor | None, batchnorm: str, block: int | None) -> None:
    if len(x) < 2:
        raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
    if x2 is not None and x2.shape[1:] != x.shape[1:]:
        raise SelectionError(f"x2 holds inputs of shape {list(x2.shape[1:])}, and x of {list(x.shape[1:])}")
    if batchnorm not in ("frozen", "running", "coupled"):
        raise SelectionError(f"batchnorm is 'frozen', 'running' or 'coupled', not {batchnorm!r}")
    if block is not None and not is_count(block):
        raise SelectionError(f"block is a number of inputs or None, not {block!r}")
    if batchnorm == "coupled" and (x2 is not None or block is not None):
        raise SelectionError(
            "blocks and cross kernels need samples that do not depend on each other: batchnorm is 'frozen' or "
            "'running', not 'coupled'"
        )


def _read_dtype(dtype: torch.dtype | str) -> torch.dtype:
    floating = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(floating, torch.dtype) or not floating.is_floating_point:
        raise SelectionError(f"dtype is a floating type, as 'float64', not {dtype!r}")
    return floating


def _cast(tensor: Tensor, dtype: torch.dtype, copy: bool = False) -> Tensor:
    """Returns floating tensors in the dtype, others as they are."""
    if not tensor.is_floating_point():
        dtype = tensor.dtype
    return tensor.detach().to(dtype, copy=copy)


def _coupled_kernel(
    model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, cotangents: Cotangents
) -> Tensor:
    """The kernel in training mode, a backward pass a sample: BatchNorm's statistics depend on every parameter and every
    sample."""
    model.train()
    weights = [state[name].requires_grad_() for name in names]
    kernel: Tensor | Any = 0.0
    with torch.enable_grad():
        logits = refuse_nan(check_logits(call_with(model, state, x), len(x)))
        for v in cotangents(logits, slice(len(x))):
            rows = gradient_rows((logits * v).flatten(1).sum(1), weights)
            kernel = kernel + rows @ rows.T
    return kernel
