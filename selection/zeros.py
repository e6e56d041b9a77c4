"""What a module returns that is switched off: a 0-dim zero, or zeros of its own output's form.

The 0-dim zero is broadcast where outputs are added up, and costs nothing. Hosts that stack, concatenate or pad outputs,
or ask for their size, need zeros of the true form: shape, type, memory format, and parts where there are several. The
form is that of the module's output on torch's meta device, where nothing is computed.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_TWINS: WeakKeyDictionary[nn.Module, tuple[list, nn.Module | None]] = WeakKeyDictionary()


def silent(*inputs: object, **named: object) -> Tensor:
    """The forward of a module that is switched off: returns a 0-dim zero of its first tensor's type, however that is
    handed over."""
    for value in (*inputs, *named.values()):
        if isinstance(value, Tensor):
            return value.new_zeros(())
    return torch.zeros(())


class _Form(NamedTuple):
    """The form of a tensor of an output."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: Tensor, dtype: torch.dtype) -> "_Form":
        """Returns a tensor's form; a floating one in the floating type `dtype`."""
        is_floating = tensor.is_floating_point() and dtype.is_floating_point
        return cls(tuple(tensor.shape), tuple(tensor.stride()), dtype if is_floating else tensor.dtype)

    def make_zeros(self, like: Tensor) -> Tensor:
        """Makes zeros of the form, on a tensor's device; channels last where that tensor has them last."""
        zeros = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=like.device).zero_()
        if zeros.dim() == like.dim() == 4 and _is_channels_last(like):
            return zeros.contiguous(memory_format=torch.channels_last)
        return zeros


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


class FormedZeros:
    """The forward of a module that is switched off, where the host needs to see the form of its output."""

    def __init__(self, module: nn.Module, forward: Callable) -> None:
        self.forward = forward
        self.twin = _find_twin(module)  # None where there is none, or none is needed
        self.forms: dict[object, Any] = {}  # {form of the inputs: that of the output}

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        first = next((value for value in (*inputs, *named.values()) if isinstance(value, Tensor)), None)
        if first is None:
            return silent()
        key = (_form(inputs), _form(named))
        if key not in self.forms:
            with torch._C.DisableTorchFunction():  # a kernel watches what becomes of the samples
                self.forms[key] = self._run(first.dtype, inputs, named)
        return _map_forms(lambda form: form.make_zeros(first), self.forms[key])

    @torch.no_grad()
    def _run(self, dtype: torch.dtype, inputs: tuple, named: dict) -> Any:
        """Returns the output's form: of the twin, or, where that is not there or cannot run, of the module itself."""
        if self.twin is None:
            return self._run_itself(inputs, named)
        try:
            own = next((p.dtype for p in self.twin.parameters() if p.is_floating_point()), dtype)

            def enter(value: Tensor) -> Tensor:
                form = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
                return form.to(own) if value.is_floating_point() else form

            output = self.twin(*_map_tensors(enter, inputs), **_map_tensors(enter, named))
            return _map_tensors(lambda tensor: _Form.of(tensor, dtype), output)
        except Exception:  # whatever a module of somebody else cannot do without numbers
            return self._run_itself(inputs, named)

    def _run_itself(self, inputs: tuple, named: dict) -> Any:
        state = torch.get_rng_state()
        output = self.forward(*_map_tensors(torch.clone, inputs), **_map_tensors(torch.clone, named))
        torch.set_rng_state(state)
        return _map_tensors(lambda tensor: _Form.of(tensor, tensor.dtype), output)


def _find_twin(module: nn.Module) -> Any:
    """Returns a copy of the module on the meta device, in eval mode and without hooks; None where it has none."""
    with torch._C.DisableTorchFunction():  # a kernel watches who reads parameters
        shapes = [tuple(tensor.shape) for tensor in (*module.parameters(), *module.buffers())]
        if not shapes:  # it computes little; the meta device takes a second to start
            return None
        known, twin = _TWINS.get(module, (None, None))
        if known != shapes:
            twin = _make_twin(module)
            _TWINS[module] = shapes, twin
        return twin


def _make_twin(module: nn.Module) -> nn.Module | None:
    try:
        twin = copy.deepcopy(module).to("meta").eval()
    except Exception:  # a module of somebody else may hold anything
        return None
    for part in twin.modules():
        part.__dict__.pop("forward", None)
        for hooks in HOOKS:
            getattr(part, hooks).clear()
    return twin


def _form(value: Any) -> object:
    """What the form of an output depends on."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype, tuple(value.stride())
    if isinstance(value, (tuple, list)):
        return tuple(_form(part) for part in value)
    if isinstance(value, Mapping):
        return tuple((key, _form(part)) for key, part in value.items())
    return value if isinstance(value, (int, float, str, type(None))) else id(value)


def _map_tensors(function: Callable[[Tensor], Any], value: Any) -> Any:
    """Returns the value with function(tensor) in place of every tensor in it."""
    return _map_parts(Tensor, function, value)


def _map_forms(function: Callable[[_Form], Any], value: Any) -> Any:
    return _map_parts(_Form, function, value)


def _map_parts(kind: type, function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _map_parts(kind, function, part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [_map_parts(kind, function, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
