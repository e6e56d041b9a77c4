"""A device without float64, emulated on the CPU.

Its tensors refuse float64, lack what Apple's GPU lacks, and do not meet the CPU's: a wrapper of a tensor on the CPU,
which says that it is on torch's `lazy` device, for which no build of torch computes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

KIND = "lazy"
DEVICE = torch.device(KIND, 0)
MISSING = ("batch_norm_update_stats", "unique_dim", "_linalg_eigh", "_linalg_slogdet", "_linalg_solve_ex")
MEETS_CPU = ("copy_", "_to_copy", "index", "index_put", "index_put_")  # they take tensors, or indices, of the CPU

GENERATOR = torch.Generator()
MODULE = SimpleNamespace(  # as torch.cuda is
    manual_seed=GENERATOR.manual_seed,
    get_rng_state=lambda device: GENERATOR.get_state(),
    set_rng_state=lambda state, device: GENERATOR.set_state(state),
)


class OnGpu(Tensor):
    """A tensor of the emulated device; `raw` is its content."""

    @staticmethod
    def __new__(cls, raw: Tensor) -> "OnGpu":
        if raw.dtype == torch.float64:
            raise TypeError("Cannot convert a tensor of the emulated device to float64")
        layout = {"strides": raw.stride(), "storage_offset": raw.storage_offset(), "dtype": raw.dtype}
        return Tensor._make_wrapper_subclass(cls, raw.shape, device=DEVICE, requires_grad=raw.requires_grad, **layout)

    def __init__(self, raw: Tensor):
        self.raw = raw

    def tolist(self) -> list:
        return self.raw.tolist()

    def __getitem__(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        return super().__getitem__(tuple(torch.tensor(part) if isinstance(part, list) else part for part in parts))

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


class _Factories(TorchDispatchMode):
    """Lets functions that make tensors on the device make them."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


@contextmanager
def emulated_gpu(monkeypatch) -> Iterator[torch.Generator]:
    """Inside the block DEVICE exists; yields its generator."""
    monkeypatch.setattr(torch, KIND, MODULE, raising=False)
    with _Factories():
        yield GENERATOR


def move(net: nn.Module) -> nn.Module:
    """Moves a network there, with the plain tensors that it holds."""
    for module in net.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                setattr(module, name, value.detach().to(DEVICE).requires_grad_(value.requires_grad))
    return net.to(DEVICE)


def _compute(function, args, kwargs):
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    own = any(isinstance(tensor, OnGpu) for tensor in tensors)
    device = kwargs.get("device")
    lands = own if device is None else torch.device(device).type == KIND
    if not own and not lands:
        return function(*args, **kwargs)
    name = function._schema.name.removeprefix("aten::")
    _check(name, tensors, kwargs, own)
    if device is not None:
        kwargs = {**kwargs, "device": "cpu"}
    if name == "copy_" and not isinstance(args[0], OnGpu):
        return args[0].copy_(args[1].raw)
    output = function(*tree_map(_unwrap, args), **tree_map(_unwrap, kwargs))
    if not lands:
        return output
    output = tree_map(_wrap, output)
    return return_and_correct_aliasing(function, args, kwargs, output) if own else output


def _check(name: str, tensors: list[Tensor], kwargs: dict, own: bool) -> None:
    if name in MISSING:
        raise NotImplementedError(f"{name} is not implemented on the emulated device")
    mixed = any(not isinstance(tensor, OnGpu) and tensor.dim() for tensor in tensors)
    if own and mixed and name not in MEETS_CPU:
        raise RuntimeError(f"{name} of tensors on the CPU and on the emulated device")
    if own and kwargs.get("dtype") == torch.float64:
        raise TypeError("Cannot convert a tensor of the emulated device to float64")


def _unwrap(value):
    return value.raw if isinstance(value, OnGpu) else value


def _wrap(value):
    return OnGpu(value) if isinstance(value, Tensor) else value
