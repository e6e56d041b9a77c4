"""What all converters of other codes' checkpoints share: names without wrappers, and a supernet that takes exactly the
tensors that are there."""

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from ..errors import SpaceError, show
from ..macro import find_macro
from ..network import Supernet
from ..space import Space
from ..spaces.mlp import MLPSpace

WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod)\.")  # DataParallel, torch.compile, also of a part
_COUNTER = ".num_batches_tracked"  # of a BatchNorm; PyTorch before 0.4 had none, and a fixed momentum never reads it


def unwrap(state_dict: Mapping[str, Tensor], origin: str, needed: Mapping[str, int]) -> dict[str, Tensor]:
    """Returns the tensors by their names in the plain network.

    Args:
        origin: the code that they come from.
        needed: {name: dimensions} of the tensors that sizes are read from.

    Raises:
        SpaceError: one of those is missing, has other dimensions or holds integers, a name stands twice, cells are
            left out, or any value is no tensor or not finite.

    >>> list(unwrap({"module.stem.weight": torch.zeros(1)}, "somewhere", {"stem.weight": 1}))
    ['stem.weight']
    """
    check_entries(state_dict, origin)
    tensors = {}
    for name, tensor in state_dict.items():
        plain = WRAPPERS.sub("", name)
        if plain in tensors:
            raise SpaceError(f"not a state_dict of {origin}: {plain} stands in it twice, once as {name}")
        if not tensor.is_floating_point() and not plain.endswith(_COUNTER):
            raise SpaceError(f"not a state_dict of {origin}: {plain} holds {tensor.dtype}, not floats")
        tensors[plain] = tensor
    for name, dims in needed.items():
        if name not in tensors:
            raise SpaceError(f"not a state_dict of {origin}: {name} is missing")
        if tensors[name].dim() != dims:
            shape = list(tensors[name].shape)
            raise SpaceError(f"not a state_dict of {origin}: {name} is {shape}; it should have {dims} dimensions")
    _check_cells(tensors, origin)
    check_finite(tensors)
    return tensors


def check_entries(state_dict: object, origin: str) -> None:
    """Raises SpaceError unless it is a mapping of names to tensors."""
    if not isinstance(state_dict, Mapping):
        raise SpaceError(f"not a state_dict of {origin}: it is of type {type(state_dict).__name__}")
    for name, tensor in state_dict.items():
        if not isinstance(name, str) or not name.isprintable():
            raise SpaceError(f"not a state_dict of {origin}: {show(name)} is no name of a tensor")
        if not isinstance(tensor, Tensor):
            hint = "; give its state_dict alone" if "state_dict" in state_dict else ""
            raise SpaceError(
                f"not a state_dict of {origin}: {name[:80]!r} is no tensor but {type(tensor).__name__}{hint}"
            )
        _check_plain(name, tensor)


def _check_cells(names: Iterable[str], origin: str) -> None:
    """Raises SpaceError where a cell has no tensors: sizes are read off the largest number of one."""
    matches = [re.match(r"(?:net\.)?cells\.(\d+)\.", name) for name in names]
    numbers = {int(match[1][:9]) for match in matches if match}
    absent = min(set(range(len(numbers))) - numbers, default=None)
    if absent is not None:
        raise SpaceError(f"not a state_dict of {origin}: cells.{absent} is missing, and there is cells.{max(numbers)}")


def rename(name: str, rules: Iterable[tuple[str, str | Callable[[re.Match[str]], str]]]) -> str:
    """Returns the name after every rule (regular expression, replacement) in turn.

    >>> rename("cells.0.preprocess0.op.1.weight", [(r"preprocess([01])\\.op\\.", r"preprocess.\\1.")])
    'cells.0.preprocess.0.1.weight'
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _check_plain(name: str, tensor: Tensor) -> None:
    """Raises SpaceError unless a tensor has values that any network of floats can take."""
    narrow = tensor.is_floating_point() and tensor.element_size() < 2  # float8 has no arithmetic
    odd = tensor.is_meta or tensor.is_quantized or tensor.is_nested or tensor.is_complex() or narrow
    if odd or tensor.layout is not torch.strided:
        kind = f"{tensor.device.type}, {tensor.layout}, {tensor.dtype}"
        raise SpaceError(f"{name} is no plain tensor of real numbers but one of {kind}: save it as float32")


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuses NaN and infinite values, and tensors of other kinds than plain ones.

    Raises:
        SpaceError: there are some; the line names the first tensor that has them.

    >>> check_finite({"a": torch.zeros(2), "b": torch.tensor([1.0, float("nan")])})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    supernet.errors.SpaceError: b holds values that are not finite (1 of 2): the training that wrote it diverged, ...
    """
    for name, tensor in tensors.items():
        _check_plain(name, tensor)
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


def has_names_of(net: nn.Module, tensors: Iterable[str]) -> bool:
    """Returns whether the names are those of the network's state_dict, but for the counters of BatchNorms."""
    ours, theirs = ({name for name in names if not name.endswith(_COUNTER)} for names in (net.state_dict(), tensors))
    return ours == theirs


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
    if not any(name.endswith(_COUNTER) for name in tensors):
        tensors = {**{name: state[name] for name in state if name.endswith(_COUNTER)}, **tensors}
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
