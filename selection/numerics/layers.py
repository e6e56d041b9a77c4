"""A layer's share of the kernel, from its inputs and the gradients of its outputs.

A layer whose output at position l is W a_l has the per-sample gradient G A^T; A [D, L] holds a sample's inputs a_l, G [O, L] the gradients of its outputs.
Its share of the kernel is <G_i A_i^T, G_j A_j^T>, formed in whichever of three ways takes the fewest operations:

    ghost         sum_lm (A_i^T A_j)_lm (G_i^T G_j)_lm     few positions: linear layers, late convolutions
    materialised  J = G A^T for this layer, then J J^T     few parameters
    convolution   J by the convolution's own backward      many positions, few channels
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Use = tuple[Tensor, Tensor]
MANY_POSITIONS = 256  # from here on a convolution's own backward beats unfolding its input (measured)


def contract(j: Tensor, split: int | None) -> Tensor:
    """Per-sample gradients [B, ...] -> their products [B, B], or those of the first `split` samples with the others."""
    j = j.flatten(1)
    return j @ j.T if split is None else j[:split] @ j[split:].T


def linear(layer: nn.Linear, uses: Sequence[Use], wanted: set[str], split: int | None) -> Tensor:
    """inputs [B, ..., D], gradients [B, ..., O]; a layer that is used again has more positions."""
    a = torch.cat([a.reshape(len(a), -1, a.shape[-1]) for a, _ in uses], dim=1)
    g = torch.cat([g.reshape(len(g), -1, g.shape[-1]) for _, g in uses], dim=1)
    shares = [_product(a[:, None], g[:, None], split)] if "weight" in wanted else []
    return sum(shares + ([contract(g.sum(1), split)] if "bias" in wanted else []))


def convolution(layer: nn.Conv2d, uses: Sequence[Use], wanted: set[str], split: int | None) -> Tensor:
    """inputs [B, C, H, W], gradients [B, O, H', W']."""
    shares = []
    if "weight" in wanted:
        positions = sum(g[0, 0].numel() for _, g in uses)
        pointwise = layer.kernel_size == (1, 1) and layer.padding == (0, 0)
        if positions >= MANY_POSITIONS and not pointwise:
            shares.append(contract(sum(_convolution_backward(layer, a, g) for a, g in uses), split))
        else:
            a = torch.cat([_unfold(layer, a) for a, _ in uses], dim=2)
            g = torch.cat([g.reshape(len(g), layer.groups, -1, g[0, 0].numel()).transpose(2, 3) for _, g in uses], dim=2)
            shares.append(_product(a, g, split))
    if "bias" in wanted:
        shares.append(contract(sum(g.sum((2, 3)) for _, g in uses), split))
    return sum(shares)


def _unfold(layer: nn.Conv2d, a: Tensor) -> Tensor:
    """[B, C, H, W] -> what each output position reads, [B, groups, positions, C/groups * kernel]."""
    if layer.kernel_size == (1, 1) and layer.padding == (0, 0):
        columns = a[:, :, :: layer.stride[0], :: layer.stride[1]].flatten(2)
    else:
        columns = F.unfold(a, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    return columns.reshape(len(a), layer.groups, -1, columns.shape[-1]).transpose(2, 3)


def _convolution_backward(layer: nn.Conv2d, a: Tensor, g: Tensor) -> Tensor:
    """Per-sample gradients of the weight [B, O, C/groups, k, k]."""

    shape = layer.weight.detach().to(a.dtype)  # only its shape counts

    def one(a: Tensor, g: Tensor) -> Tensor:
        settings = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups, (False, True, False))
        return torch.ops.aten.convolution_backward(g[None], a[None], shape, None, *settings)[1]

    return torch.vmap(one)(a, g)


def _product(a: Tensor, g: Tensor, split: int | None) -> Tensor:
    """Inputs [B, groups, L, D] and gradients [B, groups, L, O] -> the products of the gradients G^T A, by the cheaper way."""
    count, groups, positions, width = a.shape
    outputs = g.shape[3]
    materialised = count * positions * width * outputs + count**2 * width * outputs
    if materialised <= count**2 * positions**2 * (width + outputs):
        return contract(g.transpose(2, 3) @ a, split)
    if positions == 1:
        return sum(contract(a[:, k], split) * contract(g[:, k], split) for k in range(groups))
    first, second = (slice(None), slice(None)) if split is None else (slice(None, split), slice(split, None))
    total = 0
    for k in range(groups):
        a1, a2, g1, g2 = a[first, k], a[second, k], g[first, k], g[second, k]
        pairs = (a1.reshape(-1, width) @ a2.reshape(-1, width).T) * (g1.reshape(-1, outputs) @ g2.reshape(-1, outputs).T)
        total = total + pairs.reshape(len(a1), positions, len(a2), positions).sum((1, 3))
    return total


def affine(layer: nn.Module, uses: Sequence[Use], wanted: set[str], split: int | None) -> Tensor:
    """Scale and shift of a norm: normalised inputs and gradients [B, ...]."""
    kept = layer.normalized_shape if type(layer) is nn.LayerNorm else None

    def over_positions(t: Tensor) -> Tensor:
        return t.reshape(len(t), -1, *kept).sum(1) if kept else t.flatten(2).sum(2) if t.dim() > 2 else t

    gradients = {"weight": lambda: sum(over_positions(g * a) for a, g in uses), "bias": lambda: sum(over_positions(g) for _, g in uses)}
    return sum(contract(gradients[name](), split) for name in wanted)


def normalised(layer: nn.Module, a: Tensor) -> Tensor:
    """What `affine` needs of an input: the input before scale and shift; of other layers the input itself."""
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return F.batch_norm(a, layer.running_mean, layer.running_var, None, None, False, 0.0, layer.eps)
    if isinstance(layer, nn.GroupNorm):
        return F.group_norm(a, layer.num_groups, eps=layer.eps)
    return F.layer_norm(a, layer.normalized_shape, eps=layer.eps) if isinstance(layer, nn.LayerNorm) else a


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)
SHARES: dict[type[nn.Module], Callable[..., Tensor]] = {nn.Linear: linear, nn.Conv2d: convolution, **dict.fromkeys(NORMS, affine)}


def is_known(layer: nn.Module) -> bool:
    """Whether `SHARES` has an exact formula for the layer as it is set."""
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return type(layer) in SHARES
