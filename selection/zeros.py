"""What a module that is switched off returns: a 0-dim zero, or zeros of the form that its own output would have.

The first is cheap, and enough for a host that adds up its options. One that stacks, concatenates, pads, changes them in
place or asks for their size needs the second.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .nested import list_tensors, map_nested
from .preserve import preserved

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


class Form(NamedTuple):
    """What a tensor is like, but for its values."""

    shape: torch.Size
    dtype: torch.dtype
    layout: torch.memory_format


class Zeros:
    """Which zeros the gates of one network return; they all hold it."""

    def __init__(self) -> None:
        self.cheap = False  # whether a 0-dim zero is enough
        self.settled = False  # whether that has been tried


class Gate:
    """The forward of a module that is switched off."""

    def __init__(self, module: nn.Module, zeros: Zeros) -> None:
        self.module = module
        self.zeros = zeros
        self.forward = module.__dict__.get("forward")  # None where it has that of its class

    def __call__(self, *inputs: object, **named: object) -> Any:
        if self.zeros.cheap:
            return silent(*inputs, **named)
        with torch._C.DisableTorchFunction():  # whoever follows the functions of a pass is not concerned
            forms = self._find_forms(inputs, named)
        source = next(list_tensors((inputs, named)), None)
        make = partial(_make_zeros, torch.zeros(()) if source is None else source)
        return map_nested(Form, make, forms)

    def close(self) -> None:
        """Switches the module off."""
        self.module.forward = self

    def open(self) -> None:
        """Gives the module its forward back."""
        if self.forward is None:
            self.module.__dict__.pop("forward", None)
        else:
            self.module.forward = self.forward

    def _find_forms(self, inputs: tuple, named: dict[str, object]) -> Any:
        known = _FORMS.setdefault(self.module, {})
        key = repr(map_nested(Tensor, _read_form, (inputs, named)))
        if key not in known:
            self.open()
            try:
                known[key] = _learn_forms(self.module, inputs, named)
            finally:
                self.close()
        return known[key]


_FORMS: WeakKeyDictionary[nn.Module, dict[str, Any]] = WeakKeyDictionary()  # {module: {inputs: what it returns}}


def silent(*inputs: object, **named: object) -> Tensor:
    """Returns a 0-dim zero of the type of the first tensor that is handed over."""
    source = next(list_tensors((inputs, named)), None)
    return torch.zeros(()) if source is None else source.new_zeros(())


def _read_form(tensor: Tensor) -> Form:
    layout = LAYOUTS.get(tensor.dim(), torch.contiguous_format)
    if tensor.is_contiguous() or not tensor.is_contiguous(memory_format=layout):
        layout = torch.contiguous_format
    return Form(tensor.shape, tensor.dtype, layout)


def _make_zeros(source: Tensor, form: Form) -> Tensor:
    """Returns zeros of a form, on the device of a source; under vmap they have its samples."""
    zeros = source.new_zeros(form.shape, dtype=form.dtype)
    return zeros if form.layout is torch.contiguous_format else zeros.contiguous(memory_format=form.layout)


@torch.no_grad()
def _learn_forms(module: nn.Module, inputs: tuple, named: dict[str, object]) -> Any:
    """Returns the forms of what the module itself returns: computed without numbers, or, where it needs them, with.

    Without numbers a layer does not tell which layout it would keep.
    """
    is_plain = all(tensor.is_contiguous() for tensor in list_tensors((inputs, named)))
    with _unhooked(module):
        if is_plain:
            with suppress(Exception):  # whatever it reads of the numbers; what is its own fault comes up again below
                return _learn_without_numbers(module, inputs, named)
        with preserved(module):
            output = module(*inputs, **named)
    return map_nested(Tensor, _read_form, output)


def _learn_without_numbers(module: nn.Module, inputs: tuple, named: dict[str, object]) -> Any:
    state = {name: _empty(tensor) for name, tensor in _list_state(module)}
    inputs_without, named_without = map_nested(Tensor, _empty, (inputs, named))
    output = functional_call(module, state, inputs_without, named_without)
    return map_nested(Tensor, _read_form, output)


def _list_state(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _empty(tensor: Tensor) -> Tensor:
    """Returns a tensor of the same form without numbers."""
    form = _read_form(tensor)
    return torch.empty(form.shape, dtype=form.dtype, device="meta", memory_format=form.layout)


@contextmanager
def _unhooked(module: nn.Module) -> Iterator[None]:
    """Inside the block no hook of the module and of what it holds is called."""
    before = []
    for part in module.modules():
        for name in HOOKS:
            before.append((part, name, part.__dict__[name]))
            part.__dict__[name] = type(part.__dict__[name])()
    try:
        yield
    finally:
        for part, name, hooks in before:
            part.__dict__[name] = hooks
