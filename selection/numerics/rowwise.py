"""Torch functions that leave the rows of the samples where they are, and when they do."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

# whether a function keeps rows: of its positional and keyword arguments, and those of them that have rows
Rule = Callable[[tuple, dict, list[Tensor]], bool]


def tensors_in(args: tuple, kwargs: dict) -> Iterator[Tensor]:
    """Yields the tensors among a function's arguments, and in lists that are arguments."""
    for value in (*args, *kwargs.values()):
        members = value if isinstance(value, (list, tuple)) else (value,)
        for member in members:
            if isinstance(member, Tensor):
                yield member


def _first_keeps_rows(least_dims: int) -> Rule:
    """The output has the rows of the first argument, if that has so many dimensions; others are weights and
    settings."""

    def rule(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
        if len(with_rows) != 1 or not args:
            return False
        return args[0] is with_rows[0] and with_rows[0].dim() >= least_dims

    return rule


def _entry_by_entry(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
    """What has no rows is broadcast over them."""
    dims = with_rows[0].dim()
    if any(tensor.dim() != dims for tensor in with_rows):
        return False
    for tensor in tensors_in(args, kwargs):
        if any(tensor is other for other in with_rows):
            continue
        is_broadcast = tensor.dim() < dims or (tensor.dim() == dims and len(tensor) == 1)
        if not is_broadcast:
            return False
    return True


def _along_other_dims(name: str, position: int = 1) -> Rule:
    """The dimensions that an argument gives, by that name or at that position, do not include the rows'."""

    def rule(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
        dims = args[position] if len(args) > position else kwargs.get(name, kwargs.get("axis", 0))
        if not isinstance(dims, (list, tuple)):
            dims = (dims,)
        if not dims:
            return False
        count = with_rows[0].dim()
        if not all(type(dim) is int and dim % count != 0 for dim in dims):
            return False
        return _entry_by_entry(args, kwargs, with_rows)

    return rule


def _reshape(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
    """The first dimension stays as long as it is."""
    is_sequence = len(args) == 2 and isinstance(args[1], (list, tuple))
    shape = args[1] if is_sequence else args[1:]
    if kwargs or not shape:
        return False
    return type(shape[0]) is int and shape[0] == len(with_rows[0])


def _pad(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
    """Padding is given for the last dimensions, and not for all."""
    widths = args[1] if len(args) > 1 else kwargs["pad"]
    return bool(args) and args[0] is with_rows[0] and len(widths) < 2 * with_rows[0].dim()


def _index(args: tuple, kwargs: dict, with_rows: list[Tensor]) -> bool:
    """x[:, ...] by slices and numbers."""
    index = args[1]
    if not isinstance(index, tuple) or index[:1] != (slice(None),):
        return False
    return all(isinstance(part, (slice, int)) for part in index[1:])


_T = torch.Tensor
ENTRY_BY_ENTRY = (
    F.relu,
    F.relu6,
    F.leaky_relu,
    F.elu,
    F.celu,
    F.selu,
    F.gelu,
    F.silu,
    F.mish,
    F.hardswish,
    F.hardsigmoid,
    F.hardtanh,
    F.softplus,
    F.softsign,
    F.sigmoid,
    F.tanh,
    F.dropout,
    torch.relu,
    torch.relu_,
    torch.tanh,
    torch.sigmoid,
    torch.sin,
    torch.cos,
    torch.exp,
    torch.erf,
    torch.abs,
    torch.square,
    torch.zeros_like,
    torch.add,
    torch.sub,
    torch.mul,
    torch.div,
    torch.maximum,
    torch.minimum,
    _T.relu,
    _T.relu_,
    _T.tanh,
    _T.sigmoid,
    _T.abs,
    _T.square,
    _T.add,
    _T.add_,
    _T.sub,
    _T.sub_,
    _T.__rsub__,
    _T.mul,
    _T.mul_,
    _T.div,
    _T.div_,
    _T.clone,
    _T.detach,
    _T.requires_grad_,
    _T.register_hook,
    _T.contiguous,
    _T.to,
    _T.float,
    _T.double,
)
FIRST_OF_2D = (F.linear, F.prelu, F.batch_norm, F.group_norm, F.layer_norm)
FIRST_OF_3D = (F.conv1d, F.avg_pool1d, F.max_pool1d, F.adaptive_avg_pool1d)
FIRST_OF_4D = (
    F.conv2d,
    F.avg_pool2d,
    F.max_pool2d,
    F.adaptive_avg_pool2d,
    F.adaptive_max_pool2d,
    F.interpolate,
)
FIRST_OF_5D = (F.conv3d, F.avg_pool3d, F.max_pool3d, F.adaptive_avg_pool3d)
REDUCTIONS = (torch.cat, torch.mean, torch.sum, _T.mean, _T.sum)
SPLITS = (torch.chunk, torch.split, _T.chunk, _T.split)

RULES: dict[Callable, Rule] = dict.fromkeys(ENTRY_BY_ENTRY, _entry_by_entry)
RULES |= dict.fromkeys(FIRST_OF_2D, _first_keeps_rows(2))
RULES |= dict.fromkeys(FIRST_OF_3D, _first_keeps_rows(3))
RULES |= dict.fromkeys(FIRST_OF_4D, _first_keeps_rows(4))
RULES |= dict.fromkeys(FIRST_OF_5D, _first_keeps_rows(5))
RULES |= dict.fromkeys(REDUCTIONS, _along_other_dims("dim"))
RULES |= dict.fromkeys(SPLITS, _along_other_dims("dim", 2))
RULES |= dict.fromkeys((torch.flatten, _T.flatten), _along_other_dims("start_dim"))
RULES |= dict.fromkeys((_T.view, _T.reshape), _reshape)
RULES[F.pad] = _pad
RULES[_T.new_zeros] = lambda args, kwargs, with_rows: True  # where as many, each row's are its own
RULES[_T.__getitem__] = _index
