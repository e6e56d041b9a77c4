"""What all converters of other codes' checkpoints share: names without wrappers, and a supernet that takes exactly the
tensors that are there."""

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from ..errors import SpaceError
from ..macro import find_macro
from ..network import Supernet
from ..space import Space
from ..spaces.mlp import MLPSpace

WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")  # DataParallel, torch.compile


def unwrap(state_dict: Mapping[str, Tensor], origin: str, needed: Mapping[str, int]) -> dict[str, Tensor]:
    """Returns the tensors by their names in the plain network.

    Args:
        origin: the code that they come from.
        needed: {name: dimensions} of the tensors that sizes are read from.

    Raises:
        SpaceError: one of those is missing or has other dimensions, or any tensor is not finite.

    >>> list(unwrap({"module.stem.weight": torch.zeros(1)}, "somewhere", {"stem.weight": 1}))
    ['stem.weight']
    """
    tensors = {WRAPPERS.sub("", name): tensor for name, tensor in state_dict.items()}
    for name, dims in needed.items():
        if name not in tensors:
            raise SpaceError(f"not a state_dict of {origin}: {name} is missing")
        if tensors[name].dim() != dims:
            shape = list(tensors[name].shape)
            raise SpaceError(f"not a state_dict of {origin}: {name} is {shape}; it should have {dims} dimensions")
    check_finite(tensors)
    return tensors


def rename(name: str, rules: Iterable[tuple[str, str | Callable[[re.Match[str]], str]]]) -> str:
    """Returns the name after every rule (regular expression, replacement) in turn.

    >>> rename("cells.0.preprocess0.op.1.weight", [(r"preprocess([01])\\.op\\.", r"preprocess.\\1.")])
    'cells.0.preprocess.0.1.weight'
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


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


def build_empty_supernet(space: Space | MLPSpace, tensors: Mapping[str, Tensor]) -> Supernet:
    """Builds a supernet whose values will all be overwritten.

    Sizes, dtype and device are read off the tensors; the global generator stays as it is.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    sizes = find_macro(space.macro).read_sizes(shapes)
    net = Supernet(
        space,
        channels=sizes.channels,
        layers=sizes.layers,
        num_classes=sizes.num_classes,
        in_chans=sizes.in_chans,
        seed=0,
    )
    stem = tensors["stem.0.weight"]
    return net.to(dtype=stem.dtype, device=stem.device)


def remove_statistics(net: nn.Module, names: Iterable[str]) -> None:
    """Removes the running statistics that are not among the names from BatchNorms.

    In eval mode these then take the batch's statistics, as the network that was saved did.
    """
    names = set(names)
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.running_mean" not in names:
            module.track_running_stats = False
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None


def fill(
    net: Supernet, tensors: Mapping[str, Tensor], origin: str, original_name: Callable[[str], str] = str
) -> Supernet:
    """Copies the tensors into the network, and returns it.

    Args:
        original_name: the name in the checkpoint of one of the network's tensors, for messages.

    Raises:
        SpaceError: names or shapes are not the network's; the line names the first.
    """
    state = net.state_dict()
    for name in sorted(state.keys() ^ tensors.keys()):
        fault = "missing" if name in state else "unknown"
        raise SpaceError(f"not a state_dict of {origin}: {original_name(name)} is {fault}")
    for name, tensor in tensors.items():
        expected = state[name].shape
        if tensor.shape != expected:
            raise SpaceError(
                f"not a state_dict of {origin}: {original_name(name)} is {list(tensor.shape)}, not {list(expected)}"
            )
    with torch.no_grad():
        net.load_state_dict({name: tensor.detach() for name, tensor in tensors.items()})
    return net
