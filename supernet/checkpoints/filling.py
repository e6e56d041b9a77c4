"""What all converters of other codes' checkpoints share: names without wrappers, and a supernet that takes exactly the
tensors that are there."""

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from ..errors import SpaceError
from ..network import Supernet
from ..space import Space

WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")  # DataParallel, torch.compile


def unwrapped(state_dict: Mapping[str, Tensor], origin: str, needed: Mapping[str, int]) -> dict[str, Tensor]:
    """The tensors by their names in the plain network.

    Args:
        origin: the code that they come from.
        needed: {name: dimensions} of the tensors that sizes are read from.

    Raises:
        SpaceError: one of those is missing or has other dimensions, or any tensor is not finite.

    >>> list(unwrapped({"module.stem.weight": torch.zeros(1)}, "somewhere", {"stem.weight": 1}))
    ['stem.weight']
    """
    tensors = {WRAPPERS.sub("", name): tensor for name, tensor in state_dict.items()}
    for name, dims in needed.items():
        if name not in tensors:
            raise SpaceError(f"not a state_dict of {origin}: {name} is missing")
        if tensors[name].dim() != dims:
            raise SpaceError(
                f"not a state_dict of {origin}: {name} is {list(tensors[name].shape)}; it should have {dims} dimensions"
            )
    check_finite(tensors)
    return tensors


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuses NaN and infinite values.

    Raises:
        SpaceError: there are some; the line names the first tensor that has them.

    >>> check_finite({"a": torch.zeros(2), "b": torch.tensor([1.0, float("nan")])})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    supernet.errors.SpaceError: b holds values that are not finite (1 of 2): the training that wrote it diverged, ...
    """
    for name, tensor in tensors.items():
        broken = int((~tensor.isfinite()).sum())
        if broken:
            raise SpaceError(
                f"{name} holds values that are not finite ({broken} of {tensor.numel()}): the training that wrote it "
                f"diverged, take an earlier checkpoint"
            )


def count_cells(names: Iterable[str]) -> int:
    """One more than the largest number of a cell.

    >>> count_cells(["stem.0.weight", "cells.0.x", "cells.12.x"])
    13
    """
    return 1 + max((int(match[1]) for match in map(re.compile(r"cells\.(\d+)\.").match, names) if match), default=-1)


def empty_supernet(space: Space, like: Tensor, **sizes: int) -> Supernet:
    """A supernet whose values will all be overwritten, with the dtype and on the device of `like`; the global generator
    stays as it is."""
    return Supernet(space, seed=0, **sizes).to(dtype=like.dtype, device=like.device)


def untrack(net: nn.Module, names: Iterable[str]) -> None:
    """BatchNorms whose running statistics are not among the names have none: in eval mode they take the batch's, as the
    network that was saved did."""
    names = set(names)
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.running_mean" not in names:
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None


def fill(net: Supernet, tensors: Mapping[str, Tensor], origin: str, theirs: Callable[[str], str] = str) -> Supernet:
    """Copies the tensors in.

    Args:
        theirs: the name in the checkpoint of one of the network's tensors, for messages.

    Raises:
        SpaceError: names or shapes are not the network's; the line names the first.
    """
    ours = net.state_dict()
    for name in sorted(ours.keys() ^ tensors.keys()):
        raise SpaceError(f"not a state_dict of {origin}: {theirs(name)} is {'missing' if name in ours else 'unknown'}")
    for name, tensor in tensors.items():
        if tensor.shape != ours[name].shape:
            raise SpaceError(
                f"not a state_dict of {origin}: {theirs(name)} is {list(tensor.shape)}, not {list(ours[name].shape)}"
            )
    with torch.no_grad():
        net.load_state_dict({name: tensor.detach() for name, tensor in tensors.items()})
    return net
