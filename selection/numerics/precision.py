"""float64, and what stands in for it on a device that has none, as Apple's GPU."""

import warnings

import torch
from torch import Tensor


def has_float64(tensor: Tensor) -> bool:
    """Whether the tensor's device has float64: it is tried, because no device says so.

    >>> has_float64(torch.zeros(3))
    True
    """
    try:
        tensor.detach().new_zeros(()).to(torch.float64)
    except (TypeError, RuntimeError):
        return False
    return True


def convert_to_float64(tensor: Tensor) -> Tensor:
    """Returns the tensor in float64, on its device, or on the CPU where its device has none."""
    return tensor.double() if has_float64(tensor) else tensor.cpu().double()


def prepare_algebra(matrix: Tensor) -> Tensor:
    """Returns a matrix as it is; in float64 on the CPU where its device has none, and may lack linear algebra too."""
    return matrix if has_float64(matrix) else matrix.cpu().double()


def settle_dtype(like: Tensor, dtype: torch.dtype, name: str) -> torch.dtype:
    """Returns the dtype, or float32 with a warning where it is float64 and the device of `like` has none.

    Args:
        name: of what is computed, for the warning.
    """
    if dtype != torch.float64 or has_float64(like):
        return dtype
    warnings.warn(f"{name}: computed in float32, as the network's device has no float64", stacklevel=3)
    return torch.float32
