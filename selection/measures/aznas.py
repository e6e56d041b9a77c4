"""AZ-NAS (Lee & Ham 2024): how rich, how growing and how trainable the feature maps of a network's blocks are, in
training mode, before any training.

AZ-NAS itself draws new weights (He, fan-in) and normal images; here weights and images are taken as they are:
initialisation is the caller's affair.

Which maps, in order: what `net.block_outputs(x)` returns, where the network has that method (supernets and discrete
networks do: the stem's output and every cell's). Otherwise the 4-d outputs of the direct children of its longest
`nn.ModuleList` or `nn.Sequential`, in the order in which they are called; a network whose blocks are kept in several
lists should say so itself, by the method.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SelectionError
from ..numerics.precision import convert_to_float64
from ..preserve import hooked, preserved
from ..registry import register_measure
from .batch import Batches, first_images

IMAGES = 64


@register_measure("expressivity")
def expressivity(net: nn.Module, batches: Batches, *, images: int = IMAGES) -> float:
    """sum_l H_l, H = -sum_k p_k log(p_k + 1e-8) in nats, p the normalised eigenvalues of the channels' covariance over
    images and positions.

    A block that returns its input adds nothing. Minus infinity where a map is zero everywhere.
    """
    with _feature_maps(net, batches, images) as maps:
        return _lowest_for_nan(_entropies(maps).sum())


@register_measure("progressivity")
def progressivity(net: nn.Module, batches: Batches, *, images: int = IMAGES) -> float:
    """min_l H_l - H_(l-1), with the entropies H of `expressivity`, in nats, over blocks that do not return their input;
    minus infinity if there are none."""
    with _feature_maps(net, batches, images) as maps:
        growth = _entropies(maps).diff()
        return _lowest_for_nan(growth.min()) if len(growth) else -math.inf


@register_measure("trainability")
def trainability(net: nn.Module, batches: Batches, *, images: int = IMAGES, seed: int = 0) -> float:
    """mean_l 2 - s_l - 1 / (s_l + 1e-6), at most about 0: s_l is near 1 where block l neither swells nor shrinks
    gradients.

    s is the spectral norm of (G_in' G_out) / positions: G_out random signs at the block's output, G_in what the block
    makes of them at its input; rows are the positions of all images, columns channels. Where the block lowers the
    resolution by a factor, G_in's pixels become channels. Blocks that return their input have nothing to train, and
    are left out; minus infinity if no others are there. A cell that reads the two cells before it counts by the
    gradient of the nearer one's output.

    Args:
        seed: of the signs.

    Raises:
        SelectionError: a block changes the resolution, but not by dividing height and width by one integer.
    """
    generator = torch.Generator().manual_seed(seed)
    with _feature_maps(net, batches, images) as maps:
        scores = [_block_score(before, after, generator) for before, after in pairwise(maps)]
    trained = [score for score in scores if score is not None]
    return sum(trained) / len(trained) if trained else -math.inf


def _entropies(maps: list[Tensor]) -> Tensor:
    """The entropies of the maps, without those that repeat the one before."""
    changed = [after for before, after in pairwise(maps) if not torch.equal(before, after)]
    return torch.stack([_entropy(feature.detach()) for feature in (maps[0], *changed)])


def _entropy(feature: Tensor) -> Tensor:
    rows = _rows(feature)
    rows = rows - rows.mean(0)
    values = torch.linalg.eigvalsh(rows.T @ rows)
    p = values / values.sum()
    return -(p * (p + 1e-8).log()).sum()


def _block_score(before: Tensor, after: Tensor, generator: torch.Generator) -> float | None:
    """2 - s - 1 / (s + 1e-6) of a block that makes the map `after` of the map `before`; None where it returns it."""
    signs = (2 * torch.randint(0, 2, after.shape, generator=generator, device="cpu") - 1).to(after)
    gradient = _pull_back(before, after, signs)
    if gradient.shape == signs.shape and torch.equal(gradient, signs):
        return None
    outgoing = _rows(signs)
    incoming = _rows(_lower_resolution(gradient, signs))
    s = float(torch.linalg.matrix_norm(incoming.T @ outgoing / len(outgoing), ord=2))
    return 2 - s - 1 / (s + 1e-6)


def _pull_back(before: Tensor, after: Tensor, gradient: Tensor) -> Tensor:
    """The gradient at the block's input, of one at its output."""
    if not (before.requires_grad and after.requires_grad):
        return torch.zeros_like(before)  # a constant, as of a cell in which every edge is `none`
    (pulled,) = torch.autograd.grad(
        after, before, gradient, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return pulled


def _lower_resolution(gradient: Tensor, like: Tensor) -> Tensor:
    """[B, C, f*H, f*W] -> [B, C*f*f, H, W]."""
    height, width = gradient.shape[2:]
    h, w = like.shape[2:]
    factor = height // h
    if (height, width) != (factor * h, factor * w):
        raise SelectionError(
            f"trainability: a block turns {height}x{width} positions into {h}x{w}; it may only divide both by one "
            f"integer"
        )
    return F.pixel_unshuffle(gradient, factor)


def _rows(feature: Tensor) -> Tensor:
    """[B, C, H, W] -> [B*H*W, C] in float64."""
    return convert_to_float64(feature.transpose(0, 1).flatten(1).T)


def _lowest_for_nan(value: Tensor) -> float:
    return -math.inf if value.isnan() else float(value)


@contextmanager
def _feature_maps(net: Any, batches: Batches, images: int) -> Iterator[list[Tensor]]:
    """The outputs of the network's blocks, with their graph; inside the block the network is in training mode."""
    x, _ = first_images(batches, images)
    with preserved(net, seed=0), torch.enable_grad():
        net.train()
        maps = net.block_outputs(x) if hasattr(net, "block_outputs") else _record_maps(net, x)
        if len(maps) < 2:
            raise SelectionError(
                f"AZ-NAS compares feature maps [B, C, H, W], and {type(net).__name__} shows {len(maps)}: give it a "
                f"block_outputs(x)"
            )
        if not all(feature.isfinite().all() for feature in maps):
            raise SelectionError("a block's output holds values that are not finite numbers")
        yield maps


def _record_maps(net: nn.Module, x: Tensor) -> list[Tensor]:
    """The 4-d outputs of the blocks in the network's longest list."""
    lists = [module for module in net.modules() if isinstance(module, (nn.ModuleList, nn.Sequential))]
    blocks = max(lists, key=len, default=nn.ModuleList())
    maps: list[Tensor] = []

    def record(block: nn.Module, inputs: tuple, output: object) -> Tensor | None:
        if not isinstance(output, Tensor) or output.dim() != 4:
            return None
        maps.append(output)
        return output.clone()  # what follows may change it in place

    with hooked(block.register_forward_hook(record) for block in blocks):
        net(x)
    return maps
