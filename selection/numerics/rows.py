"""Which tensors of a forward pass have a row for each sample, followed through functions that are known to leave rows
where they are.

Most networks use no other functions, so that it need not be tried whether their layers' dimension 0 is the samples'.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

FORM = (bool, int, torch.Size, torch.dtype, torch.device)
Rule = Callable[[tuple, dict, list[Tensor]], bool]  # of a function's arguments, and those of them that have rows


class Rows:
    """Follows the rows of x through a forward pass; `known` until they are lost sight of."""

    def __init__(self, x: Tensor):
        self.shape, self.known, self._mark = x.shape[:1], True, object()
        x._rows = self._mark

    def of(self, tensor: Tensor) -> bool:
        """Whether the tensor is known to have a row for each sample."""
        return getattr(tensor, "_rows", None) is self._mark

    def follow(self, function: Callable, args: tuple, kwargs: dict, output: object) -> None:
        """Is told of every function that the pass calls."""
        if not self.known:
            return
        read = [tensor for tensor in tensors_in(args, kwargs) if self.of(tensor)]
        if not read or isinstance(output, FORM) or function is torch.batch_norm_update_stats:
            return  # of weights only; a question of form; or moments that are taken as constants (see `statistics`)
        rule = RULES.get(function)
        self.known = rule is not None and rule(args, kwargs, read)
        for made in output if isinstance(output, (list, tuple)) else (output,):
            if not self.known:
                return
            if isinstance(made, Tensor):
                self.known = made.shape[:1] == self.shape
                made._rows = self._mark


def tensors_in(args: tuple, kwargs: dict) -> Iterator[Tensor]:
    """The tensors among a function's arguments, and in lists that are arguments."""
    for value in (*args, *kwargs.values()) if kwargs else args:
        for tensor in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(tensor, Tensor):
                yield tensor


def _first(least: int) -> Rule:
    """The output has the rows of the first argument, if that has so many dimensions; others are weights and
    settings."""
    return lambda args, kwargs, read: len(read) == 1 and bool(args) and args[0] is read[0] and read[0].dim() >= least


def _all(args: tuple, kwargs: dict, read: list[Tensor]) -> bool:
    """Entry by entry: what has no rows is broadcast over them."""
    dims = read[0].dim()
    rowless = [tensor for tensor in tensors_in(args, kwargs) if not any(tensor is one for one in read)]
    return all(tensor.dim() == dims for tensor in read) and all(
        tensor.dim() < dims or (tensor.dim() == dims and len(tensor) == 1) for tensor in rowless
    )


def _apart(name: str, place: int = 1) -> Rule:
    """The dimensions that are named do not include the rows'."""

    def rule(args: tuple, kwargs: dict, read: list[Tensor]) -> bool:
        dims = args[place] if len(args) > place else kwargs.get(name, kwargs.get("axis", 0))
        dims = dims if isinstance(dims, (list, tuple)) else (dims,)
        return bool(dims) and all(type(dim) is int and dim % read[0].dim() for dim in dims) and _all(args, kwargs, read)

    return rule


def _reshaped(args: tuple, kwargs: dict, read: list[Tensor]) -> bool:
    shape = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
    return not kwargs and bool(shape) and type(shape[0]) is int and shape[0] == len(read[0])


def _padded(args: tuple, kwargs: dict, read: list[Tensor]) -> bool:
    widths = args[1] if len(args) > 1 else kwargs["pad"]
    return bool(args) and args[0] is read[0] and len(widths) < 2 * read[0].dim()


def _indexed(args: tuple, kwargs: dict, read: list[Tensor]) -> bool:
    """x[:, ...] by slices and numbers."""
    index = args[1]
    return (
        isinstance(index, tuple)
        and index[:1] == (slice(None),)
        and all(isinstance(part, (slice, int)) for part in index[1:])
    )


_T = torch.Tensor
ENTRIES = (
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
RULES: dict[Callable, Rule] = {
    **dict.fromkeys(ENTRIES, _all),
    **dict.fromkeys((F.linear, F.prelu, F.batch_norm, F.group_norm, F.layer_norm), _first(2)),
    **dict.fromkeys((F.conv1d, F.avg_pool1d, F.max_pool1d, F.adaptive_avg_pool1d), _first(3)),
    **dict.fromkeys(
        (F.conv2d, F.avg_pool2d, F.max_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.interpolate), _first(4)
    ),
    **dict.fromkeys((F.conv3d, F.avg_pool3d, F.max_pool3d, F.adaptive_avg_pool3d), _first(5)),
    **dict.fromkeys((torch.cat, torch.mean, torch.sum, _T.mean, _T.sum), _apart("dim")),
    **dict.fromkeys((torch.chunk, torch.split, _T.chunk, _T.split), _apart("dim", 2)),
    **dict.fromkeys((torch.flatten, _T.flatten), _apart("start_dim")),
    **dict.fromkeys((_T.view, _T.reshape), _reshaped),
    F.pad: _padded,
    _T.__getitem__: _indexed,
}
