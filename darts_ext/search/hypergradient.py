"""Gradient of the validation loss for the alphas, through one step of the weights (Liu et al. 2019, eq. 5 to 8).

    first              d L_val(w, alpha) / d alpha: the step is ignored
    finite_difference  dalpha L_val(w', alpha) - xi [dalpha L_train(w + R v) - dalpha L_train(w - R v)] / 2R,
                       R = 0.01 / |v|,   v = dw' L_val(w', alpha)
    exact              d L_val(w'(alpha), alpha) / d alpha by double backward

with w' = w - xi (SGD's own step at w). No network is copied: w' and w +- R v go through functional calls on the one
net. Where quark0/darts lets the unrolled passes move the live BatchNorm statistics (three times a step) and the weights
(by rounding), here both stay as they are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

KINDS = ("first", "finite_difference", "exact")
Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def hypergradient(
    kind: str, net: nn.Module, loss: Loss, train: Batch, val: Batch, optimizer: torch.optim.SGD
) -> list[Tensor]:
    """Returns the alphas' gradients, in the order of `net.arch_parameters()`.

    Gradients and statistics that the net holds are not touched, but for the running statistics, which the one
    validation pass of "first" updates.

    Args:
        kind: "first", "finite_difference" or "exact".
        net: answers weight_parameters() and arch_parameters().
        loss: (logits, labels) -> scalar.
        train, val: batches (x, y).
        optimizer: the SGD of the weights: its learning rate, momentum buffers, weight decay, dampening and Nesterov
            flag make the step.
    """
    alphas = net.arch_parameters()
    if kind == "first":
        # detached, or the weights' gradients would be computed too
        weights = {name: w.detach() for name, w in _named_weights(net).items()}
        logits = functional_call(net, weights, (val[0],))
        return list(_gradients(loss(logits, val[1]), alphas))
    with statistics_untouched(net):
        weights = _named_weights(net)

        def loss_at(w: dict[str, Tensor], batch: Batch) -> Tensor:
            x, y = batch
            return loss(functional_call(net, w, (x,)), y)

        if kind == "exact":
            stepped = _sgd_step(weights, loss_at(weights, train), optimizer, differentiable=True)
            return list(_gradients(loss_at(stepped, val), alphas))
        stepped = _sgd_step(weights, loss_at(weights, train), optimizer)
        stepped = {name: w.detach().requires_grad_() for name, w in stepped.items()}
        gradients = _gradients(loss_at(stepped, val), [*alphas, *stepped.values()])
        direct = gradients[: len(alphas)]
        v = gradients[len(alphas) :]
        radius = 0.01 / torch.linalg.vector_norm(torch.stack([part.norm() for part in v]))

        def alpha_gradients(sign: int) -> tuple[Tensor, ...]:
            moved = {name: w.detach() + sign * radius * part for (name, w), part in zip(weights.items(), v)}
            return _gradients(loss_at(moved, train), alphas)

        xi = optimizer.param_groups[0]["lr"]
        plus = alpha_gradients(+1)
        minus = alpha_gradients(-1)
        return [d - xi * (p - m) / (2 * radius) for d, p, m in zip(direct, plus, minus)]


def _gradients(loss: Tensor, parameters: list[Tensor], create_graph: bool = False) -> tuple[Tensor, ...]:
    """Returns the gradients; zero for what a selection has switched off, which may be everything."""
    if not loss.requires_grad:
        return tuple(torch.zeros_like(parameter) for parameter in parameters)
    return torch.autograd.grad(loss, parameters, create_graph=create_graph, allow_unused=True, materialize_grads=True)


def _named_weights(net: nn.Module) -> dict[str, nn.Parameter]:
    weights = {id(parameter) for parameter in net.weight_parameters()}
    return {name: parameter for name, parameter in net.named_parameters() if id(parameter) in weights}


def _sgd_step(
    weights: dict[str, nn.Parameter], loss: Tensor, optimizer: torch.optim.SGD, differentiable: bool = False
) -> dict[str, Tensor]:
    """Returns the weights after a step of `optimizer`, as new tensors."""
    gradients = _gradients(loss, list(weights.values()), create_graph=differentiable)
    (group,) = optimizer.param_groups
    stepped = {}
    for (name, w), gradient in zip(weights.items(), gradients):
        w = w.detach()
        direction = gradient + group["weight_decay"] * w
        if group["momentum"]:
            buffer = optimizer.state.get(weights[name], {}).get("momentum_buffer")
            if buffer is None:
                velocity = direction
            else:
                velocity = group["momentum"] * buffer + (1 - group["dampening"]) * direction
            direction = direction + group["momentum"] * velocity if group["nesterov"] else velocity
        stepped[name] = w - group["lr"] * direction
    return stepped


@contextmanager
def statistics_untouched(net: nn.Module) -> Iterator[None]:
    """Lets BatchNorms in training mode use the batch's statistics and leave their running ones alone, in the block."""
    batchnorms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    tracking = [module for module in batchnorms if module.track_running_stats]
    try:
        for module in tracking:
            module.track_running_stats = False
        yield
    finally:
        for module in tracking:
            module.track_running_stats = True
