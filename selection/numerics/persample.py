"""Per-sample gradients by parameters that have no formula."""

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from ..preserve import draw_from
from .logits import check_logits
from .state import call_with, with_values

VMAP = "vmap over grad"
BACKWARD = "a backward pass a sample"


class PerSample:
    """Gradients of <v_i, f(x_i)> by some parameters, by vmap over grad; where that fails, as for noise or an LSTM, by a
    backward pass a sample.

    Args:
        model: in the mode in which it is to be measured.
        state: its parameters and buffers, by name, detached.

    `way` says which of the two it is.
    """

    def __init__(self, model: nn.Module, state: dict[str, Tensor]):
        self.model = model
        self.state = state
        self.way = VMAP

    def rows(self, names: list[str], x: Tensor, v: Tensor, seed: int) -> Tensor:
        """The gradients at x [B, ...] in the directions v [B, K, ...], [B, P]; noise is drawn from `seed`, as it was
        when v was found."""
        values = {name: self.state[name] for name in names}
        if self.way == VMAP:
            try:
                return self._rows_by_vmap(values, x, v)
            except Exception:  # whatever it has no rule for; what is the network's own fault comes up again below
                self.way = BACKWARD
        draw_from(seed, self.model)
        free = {name: value.detach().requires_grad_() for name, value in values.items()}
        with torch.enable_grad():
            logits = self._logits(free, x)
            return gradient_rows((logits * v).flatten(1).sum(1), list(free.values()))

    def _rows_by_vmap(self, values: dict[str, Tensor], x: Tensor, v: Tensor) -> Tensor:
        def project(values: dict[str, Tensor], sample: Tensor, v: Tensor) -> Tensor:
            logits = self._logits(values, sample[None])
            return (logits[0] * v).sum()

        take_gradients = vmap(grad(project), in_dims=(None, 0, 0), randomness="error")
        gradients = take_gradients(values, x, v)
        return torch.cat([g.reshape(len(x), -1) for g in gradients.values()], dim=1)

    def _logits(self, values: dict[str, Tensor], x: Tensor) -> Tensor:
        """The logits at x with other values of some parameters."""
        output = call_with(self.model, with_values(self.state, values), x)
        return check_logits(output, len(x))


def gradient_rows(values: Tensor, tensors: list[Tensor]) -> Tensor:
    """The gradient of each of the values [B] by all of the tensors, [B, P]."""
    if not values.requires_grad:  # they depend on none
        return values.new_zeros(len(values), sum(tensor.numel() for tensor in tensors))
    rows = []
    for value in values:
        row = torch.autograd.grad(value, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in row]))
    return torch.stack(rows)
