"""Saliency of the weights of convolutions and linear layers at one batch, cross entropy (zero-cost-nas, Abdelfattah et al. 2021).

The network is in training mode, as theirs: batch statistics. The sums run over layers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..preserve import preserved
from ..registry import register_measure
from .batch import Batches, first_images

IMAGES = 64


def _layers(net: nn.Module) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


@contextmanager
def _loss(net: nn.Module, batches: Batches) -> Iterator[tuple[Tensor, list[nn.Parameter]]]:
    """The loss on one batch, and the weights that it is differentiated by."""
    x, y = first_images(batches, IMAGES)
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        yield F.cross_entropy(net(x), y), [layer.weight for layer in _layers(net)]


def _gradients(value: Tensor, weights: list, **options) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True, **options)


@register_measure("grad_norm")
def grad_norm(net: nn.Module, batches: Batches) -> float:
    """sum_l |dL/dW_l|_2."""
    with _loss(net, batches) as (loss, weights):
        return float(sum(g.norm() for g in _gradients(loss, weights)))


@register_measure("snip")
def snip(net: nn.Module, batches: Batches) -> float:
    """sum |W * dL/dW| (Lee et al. 2019)."""
    with _loss(net, batches) as (loss, weights):
        return float(sum((w * g).detach().abs().sum() for w, g in zip(weights, _gradients(loss, weights))))


@register_measure("grasp")
def grasp(net: nn.Module, batches: Batches) -> float:
    """-W' H g, g = dL/dW and H the Hessian (Wang et al. 2020)."""
    with _loss(net, batches) as (loss, weights):
        first = _gradients(loss, weights, create_graph=True)
        product = _gradients(sum((g.detach() * g).sum() for g in first), weights)
        return float(sum((-w * hg).detach().sum() for w, hg in zip(weights, product)))


@register_measure("fisher")
def fisher(net: nn.Module, batches: Batches) -> float:
    """Sum over layers and output channels of mean_n (sum_positions a dL/da)^2 / 2, times the weights of the channel (Theis et al. 2018, Turner et al. 2020)."""
    outputs: list[tuple[nn.Module, Tensor]] = []
    handles = [layer.register_forward_hook(lambda layer, _, a: outputs.append((layer, a))) for layer in _layers(net)]
    try:
        with _loss(net, batches) as (loss, _):
            total = 0.0
            for (layer, a), g in zip(outputs, _gradients(loss, [a for _, a in outputs])):
                channels = (a * g).flatten(2).sum(2) if a.dim() > 2 else a * g
                total += layer.weight[0].numel() * float((channels**2).mean(0).sum().detach()) / 2
            return total
    finally:
        for handle in handles:
            handle.remove()


@register_measure("jacob_cov")
def jacob_cov(net: nn.Module, batches: Batches) -> float:
    """-sum_k log(v_k + e) + 1 / (v_k + e), v the eigenvalues of the correlations of d(sum of logits)/dx between images, e = 1e-5 (Mellor et al. 2020)."""
    x = first_images(batches, IMAGES)[0].detach().clone().requires_grad_()
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        (jacobian,) = torch.autograd.grad(net(x).sum(), x)
    values = torch.linalg.eigvalsh(torch.corrcoef(jacobian.flatten(1).double())) + 1e-5
    return -float((values.log() + 1 / values).sum())


@register_measure("synflow")
def synflow(net: nn.Module, batches: Batches) -> float:
    """sum |W * dR/dW|, R the output of the network of absolute weights, without BatchNorm, at an image of ones, float64 (Tanaka et al. 2020)."""
    one = torch.ones_like(batches[0][0][:1], dtype=torch.float64)
    alphas = {row.untyped_storage().data_ptr() for row in net.logits().values()} if hasattr(net, "logits") else set()
    state = {
        name: t.detach().double() if t.untyped_storage().data_ptr() in alphas else t.detach().double().abs()
        for name, t in [*net.named_parameters(), *net.named_buffers()]
        if t.is_floating_point()
    }
    wanted = {id(layer.weight) for layer in _layers(net)}
    weights = {name: state[name].requires_grad_() for name, p in net.named_parameters() if id(p) in wanted}
    with preserved(net, seed=0), _without_norms(net), torch.enable_grad():
        net.train()
        output = functional_call(net, state, (one,)).sum()
        return float(sum((w * g).detach().abs().sum() for w, g in zip(weights.values(), _gradients(output, list(weights.values())))))


@contextmanager
def _without_norms(net: nn.Module) -> Iterator[None]:
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm) and "forward" not in module.__dict__]
    try:
        for norm in norms:
            norm.forward = lambda x: x
        yield
    finally:
        for norm in norms:
            del norm.forward
